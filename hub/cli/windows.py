"""Arguments for prediction in windows, which several commands share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hub.cli.arguments import positive
from hub.errors import OptionError

if TYPE_CHECKING:
    from hub.contract import Windows


def sides(text: str) -> tuple[int, int]:
    """Parse height and width in pixels, from one number or two.

    >>> sides("512"), sides("512x768")
    ((512, 512), (512, 768))
    """
    numbers = [positive(part) for part in text.lower().split("x")]
    if len(numbers) > 2:
        raise argparse.ArgumentTypeError(f"{text} is not a size: write 512 or 512x768 (height first)")
    return numbers[0], numbers[-1]


def add_window_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--window``, ``--overlap`` and ``--window-scale``."""
    parser.add_argument(
        "--window",
        type=sides,
        metavar="SIZE",
        help="predict each image in windows of 512 or 512x768 pixels, at its original resolution",
    )
    parser.add_argument("--overlap", type=float, help="overlap of neighboring windows, as a fraction (default: 0.5)")
    parser.add_argument("--window-scale", type=float, help="factor to resize the image by first (default: 1)")


def windows_of(args: argparse.Namespace) -> Windows | None:
    """Return the requested windows, computed ``--batch`` at a time; None without ``--window``.

    Raises:
        OptionError: a value is invalid, or is given without ``--window``.
    """
    from hub.contract import Windows

    chosen = {"overlap": args.overlap, "scale": args.window_scale}
    options = {name: value for name, value in chosen.items() if value is not None}
    if args.window is None:
        if options:
            raise OptionError("--overlap and --window-scale need --window", fix="add --window SIZE, such as 512")
        return None
    return Windows(args.window, batch_size=args.batch, **options)

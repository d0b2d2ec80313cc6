"""``hub predict``: drawings and a results file for images."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hub.cli.arguments import add_local_code, positive
from hub.cli.windows import add_window_arguments, windows_of
from hub.errors import OptionError
from hub.image_decoding import MAX_PIXELS_VARIABLE

SUMMARY = "draw what a model finds in images, and write it as JSON"


ACCEPTS_MORE = True  # options of the model's reader, which is known once the model is loaded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", help="the folder of a run, or a .safetensors checkpoint")
    parser.add_argument("images", help="an image, a folder of images, or what else the model's reader takes")
    parser.add_argument("--out", metavar="DIR", default="predictions", help="folder to write to (default: predictions)")
    parser.add_argument("--score", type=float, default=0.5, help="least score that is drawn (default: 0.5)")
    parser.add_argument("--ids-from", metavar="FILE", help="COCO JSON whose image ids to use, matched by file name")
    parser.add_argument("--batch", type=positive, default=8, help="images computed together (default: 8)")
    add_window_arguments(parser)
    parser.add_argument(
        "--max-pixels",
        type=positive,
        metavar="N",
        help="largest height × width that is decoded (default: HUB_MAX_PIXELS, or 500 million)",
    )
    add_local_code(parser)
    parser.add_argument("--device", help="for example cpu or cuda:0")
    parser.add_argument("--precision", default="auto", help="auto, bf16 or fp32 (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Predict; an unreadable image is reported and the others are done all the same (exit status 1)."""
    from hub.contract import parse_options
    from hub.engine.distributed import world
    from hub.engine.reader import Request, reader_of
    from hub.weights import load

    if args.max_pixels is not None:
        os.environ[MAX_PIXELS_VARIABLE] = str(args.max_pixels)
    given = reader_options(args.rest)
    request = Request(
        source=Path(args.images),
        out=Path(args.out),
        score=args.score,
        ids_from=Path(args.ids_from) if args.ids_from else None,
        batch_size=args.batch,
        precision=args.precision,
        windows=windows_of(args),
    )
    with world(args.device) as here:
        model = load(args.model, device=here.device)
        reader = reader_of(model)
        options = parse_options(reader.RequestOptions, given, owner="hub predict")
        outcome = reader.predict(model, replace(request, options=options))
    print(f"{outcome.done} of {outcome.done + outcome.failed} {outcome.what}: written to {args.out}/")
    return 1 if outcome.failed else 0


def reader_options(rest: Sequence[str]) -> dict[str, str]:
    """Return options that the command line does not declare itself, by name.

    Raises:
        OptionError: an argument that is not an option.

    >>> reader_options(["--formats", "nifti,png", "--identified", "--gaps=allow"])
    {'formats': 'nifti,png', 'identified': 'true', 'gaps': 'allow'}
    """
    found: dict[str, str] = {}
    name = ""
    for word in rest:
        if word.startswith("--"):
            name, equals, value = word[2:].replace("-", "_").partition("=")
            found[name] = value if equals else "true"
            name = "" if equals else name
        elif name:
            found[name], name = word, ""
        else:
            raise OptionError(f"unexpected argument {word!r}", fix="see `hub predict --help`")
    return found

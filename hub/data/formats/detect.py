"""Detect the format of a folder of data."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from hub.errors import DataError, HubError
from hub.registry import entries
from hub.spec import DatasetSpec

log = logging.getLogger("hub")

Detector = Callable[[Path, str], Mapping[str, object] | None]


def detect_format(root: Path, split: str) -> tuple[str, dict[str, object]]:
    """Return the registered format that recognizes a folder.

    A format takes part with a function in ``DatasetSpec.detect``: it gets the folder and the name of the split and
    returns the options to open it with, besides ``root``, or None.

    Args:
        root: the folder.
        split: name of the split, such as ``train``; formats translate it (``valid`` for ``val``).

    Returns:
        The name of the format and its options; both are logged.

    Raises:
        DataError: the folder does not exist, or no format or more than one recognizes it.
    """
    if not root.is_dir():
        raise DataError(f"the folder {root} does not exist", fix="check root")
    found: dict[str, dict[str, object]] = {}
    tried = []
    for entry in entries("datasets"):
        try:
            spec = entry.spec()
            if not isinstance(spec, DatasetSpec) or spec.detect is None:
                continue
            detector = cast(Detector, entry.load(spec.detect))
        except HubError as error:
            log.debug("%s cannot detect its format: %s", entry.id, error)
            continue
        tried.append(entry.name)
        options = detector(root, split)
        if options is not None:
            found[entry.name] = dict(options)
    if len(found) > 1:
        raise DataError(
            f"{root} could be {' or '.join(found)}", fix=f"name the format, for example format: {next(iter(found))}"
        )
    if not found:
        raise DataError(
            f"no format recognizes {root} (tried {', '.join(tried)})",
            fix="name the format and its options; `hub list --datasets` shows all formats",
        )
    ((name, options),) = found.items()
    shown = ", ".join(f"{key}: {value}" for key, value in options.items())
    log.info("%s: detected the format %s%s", root, name, f" ({shown})" if shown else "")
    return name, options

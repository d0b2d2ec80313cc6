"""Find configs by path, and those that ship with the package by name."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGED = Path(__file__).resolve().parents[2] / "configs"


def resolve_config(path: str | os.PathLike[str]) -> Path:
    """Return the config file at ``path``, or else the shipped config of that name.

    Args:
        path: a file; ``configs/quickstart.yaml`` and ``quickstart`` find the shipped file from anywhere, and
            ``faster-rcnn_resnet50-fpn_1x`` the one in ``configs/coco``.
    """
    given = Path(path)
    if given.exists():
        return given
    relative = Path(*given.parts[1:]) if given.parts[:1] == ("configs",) else given
    for root in (_PACKAGED, _PACKAGED.parents[1] / "configs"):
        for candidate in (root / relative, root / f"{relative}.yaml"):
            if candidate.is_file():
                return candidate
        if len(relative.parts) == 1:
            found = sorted(root.glob(f"*/{relative.name.removesuffix('.yaml')}.yaml"))
            if len(found) == 1:
                return found[0]
    return given

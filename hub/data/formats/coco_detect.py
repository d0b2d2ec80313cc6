"""Recognize folders in the layouts of COCO, Roboflow and CVAT."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path


def detect_coco(root: Path, split: str) -> Mapping[str, object] | None:
    """Recognize COCO's own layout, Roboflow's (``train/_annotations.coco.json``), CVAT's, and a single JSON file."""
    names = (split, *{"val": ("valid", "validation"), "valid": ("val",)}.get(split, ()))
    for name in names:
        for pattern in (f"{name}/_annotations.coco.json", f"annotations/instances_{name}*.json", f"{name}.json",
                        f"annotations/{name}*.json", f"{name}/*.json", f"*{name}*.json"):  # fmt: skip
            for path in sorted(root.glob(pattern)):
                if (folder := _folder_of_images(root, path, name)) is not None:
                    return {"images": folder, "annotations": path.relative_to(root).as_posix()}
    alone = [p for p in sorted((*root.glob("*.json"), *root.glob("annotations/*.json"))) if _is_coco(p)]
    if len(alone) == 1 and (folder := _folder_of_images(root, alone[0], "images")) is not None:
        return {"images": folder, "annotations": alone[0].relative_to(root).as_posix()}
    return None


def _is_coco(path: Path) -> bool:
    """Return whether the file has COCO's three lists, without parsing what may be hundreds of megabytes."""
    content = path.read_bytes()
    return all(key in content for key in (b'"images"', b'"annotations"', b'"categories"')) and b'"bbox"' in content


def _folder_of_images(root: Path, path: Path, split: str) -> str | None:
    """Return the folder, relative to the root, of the first image that the file lists."""
    if not _is_coco(path):
        return None
    named = re.search(rb'"file_name"\s*:\s*"((?:[^"\\]|\\.)*)"', path.read_bytes())
    if named is None:
        return None
    file = str(json.loads(b'"%b"' % named[1])).replace("\\", "/")
    stem = path.stem.removeprefix("instances_")
    for folder in (
        path.parent.relative_to(root).as_posix(),
        stem,
        split,
        f"images/{stem}",
        f"images/{split}",
        "images",
        ".",
    ):
        if (root / folder / file).is_file():
            return folder
    return None

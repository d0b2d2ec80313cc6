"""Small panoptic data in COCO's layout."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

CATEGORIES = [
    {"id": 1, "name": "cat", "isthing": 1},
    {"id": 7, "name": "grass", "isthing": 0},
    {"id": 9, "name": "dog", "isthing": 1},
    {"id": 200, "name": "sky", "isthing": 0},
]
Annotation = tuple[np.ndarray, list[dict[str, Any]]]


def segment(id_: int, category: int, pixels: np.ndarray, *, crowd: int = 0) -> dict[str, Any]:
    """Return the JSON entry of a segment with these pixels, (H, W) bool."""
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    x, y = int(columns[0]), int(rows[0])
    box = [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y]
    return {"id": id_, "category_id": category, "iscrowd": crowd, "bbox": box, "area": int(pixels.sum())}


def save_png(path: Path, ids: np.ndarray) -> None:
    """Encode ids by COCO's rule, one channel at a time."""
    colours = np.zeros((*ids.shape, 3), np.uint8)
    for channel in range(3):
        colours[..., channel] = ids // 256**channel % 256
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(colours).save(path)


@pytest.fixture
def write_panoptic(tmp_path: Path) -> Callable[..., Path]:
    """Write images with their segments in COCO's layout, and return the root."""

    def write(annotations: Sequence[Annotation], *, change: Callable[[dict[str, Any]], None] | None = None) -> Path:
        content: dict[str, Any] = {"images": [], "annotations": [], "categories": [dict(c) for c in CATEGORIES]}
        (tmp_path / "val").mkdir()
        for number, (ids, segments) in enumerate(annotations, start=10):
            height, width = ids.shape
            Image.fromarray(np.full((height, width, 3), number, np.uint8)).save(tmp_path / "val" / f"{number}.jpg")
            save_png(tmp_path / "annotations/panoptic_val" / f"{number}.png", ids)
            content["images"].append({"id": number, "file_name": f"{number}.jpg", "height": height, "width": width})
            content["annotations"].append({"image_id": number, "file_name": f"{number}.png", "segments_info": segments})
        if change is not None:
            change(content)
        (tmp_path / "annotations/panoptic_val.json").write_text(json.dumps(content))
        return tmp_path

    return write


@pytest.fixture
def scene() -> Annotation:
    """Return a cat, a crowd of dogs, sky and grass on 4 × 6 pixels; the last column is void."""
    ids = np.array(
        [
            [5, 5, 5, 5, 5, 0],
            [5, 70000, 70000, 5, 300, 0],
            [8, 70000, 70000, 8, 300, 0],
            [8, 8, 8, 8, 8, 0],
        ]
    )
    return ids, [
        segment(5, 200, ids == 5),
        segment(70000, 1, ids == 70000),
        segment(300, 9, ids == 300, crowd=1),
        segment(8, 7, ids == 8),
    ]

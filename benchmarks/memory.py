"""Memory of masks and matching for a crowded batch, compared with full-size masks and all overlaps at once."""

from __future__ import annotations

import torch
from rich.table import Table

from benchmarks.detection import make_batch
from benchmarks.peak import peak_memory
from hub_detection.anchors import AnchorGenerator
from hub_detection.boxes import box_iou
from hub_detection.matcher import Matcher

IMAGES, OBJECTS, SIZE = 16, 100, (800, 1333)  # a crowded batch of COCO at its usual training size
STRIDES = (4, 8, 16, 32, 64)


def table(device: torch.device) -> Table:
    """Compare the memory for a crowded batch with that of full-size masks and all overlaps at once."""
    height, width = SIZE
    out = Table(title=f"memory, {IMAGES} images of {height}×{width} with {OBJECTS} objects each, MB")
    for column in ("", "hub", "at once", "ratio"):
        out.add_column(column, justify="left" if not column else "right")
    batch = make_batch(IMAGES, height, width, objects=OBJECTS)
    found = batch.instances
    assert found is not None
    assert found.masks is not None
    ours = sum(values.nbytes for values in (found.masks.values, found.masks.boxes))
    _row(out, "masks in a batch; full-size planes", ours, IMAGES * OBJECTS * batch.images[0, 0].numel())
    anchors = AnchorGenerator([(8.0 * stride,) for stride in STRIDES], (0.5, 1.0, 2.0), STRIDES)
    padded = (batch.images.shape[2], batch.images.shape[3])
    every = torch.cat(anchors([(-(-padded[0] // s), -(-padded[1] // s)) for s in STRIDES], padded)).to(device)
    boxes, valid = found.boxes.to(device), found.valid.to(device)
    matcher = Matcher(0.7, 0.3, allow_low_quality_matches=True)
    peaks = [
        peak_memory(lambda: matcher(boxes, every, valid), device),
        # All overlaps at once, of one image; a batch takes as many times more.
        IMAGES * peak_memory(lambda: box_iou(boxes[:1], every), device),
    ]
    _row(out, f"matching {len(every):,} anchors; all overlaps at once", *peaks)
    return out


def _row(out: Table, name: str, ours: int, other: int) -> None:
    out.add_row(name, f"{ours / 1e6:,.1f}", f"{other / 1e6:,.1f}", f"{other / ours:.0f}×")

"""Annotations in a few flat arrays, which worker processes share, however many objects there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from hub.contract.fields import ObjectField


@dataclass(frozen=True)
class PackedBytes:
    """A list of byte strings in two arrays.

    >>> packed = PackedBytes.pack([b"one", b"", b"three"])
    >>> packed[2], len(packed)
    (b'three', 3)
    """

    data: np.ndarray
    offsets: np.ndarray

    @classmethod
    def pack(cls, items: Iterable[bytes]) -> PackedBytes:
        """Pack byte strings."""
        items = list(items)
        offsets = np.zeros(len(items) + 1, np.int64)
        np.cumsum([len(item) for item in items], out=offsets[1:])
        return cls(np.frombuffer(b"".join(items), np.uint8), offsets)

    def __getitem__(self, index: int) -> bytes:
        return self.data[self.offsets[index] : self.offsets[index + 1]].tobytes()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: np.ndarray) -> PackedBytes:
        """Return some of the strings, in the order of ``rows``; a subclass may still create them on access."""
        return PackedBytes.pack(self[i] for i in rows.tolist())


@dataclass(frozen=True)
class PackedInstances:
    """All objects of a dataset as annotated in its file, grouped by image; evaluation reads these.

    Attributes:
        offsets: (images + 1,) int64; the objects of image i are rows offsets[i] to offsets[i + 1].
        ids: (A,) int64, the annotations' ids.
        boxes: (A, 4) float64, x1 y1 x2 y2 in pixels, as annotated.
        labels: (A,) int64 indices into the dataset's ``"instances"`` label space.
        crowd: (A,) bool.
        area: (A,) float64 in pixels, as annotated; defines COCO's small, medium and large.
        usable: (A,) bool, False for boxes that training skips (no area, outside the image).
        segments: each object's polygons or RLE as JSON, empty where it has none; or None.
        keypoints: (A, K, 3) float32, x y in pixels and visibility, or None.
        keypoint_names: the K names.
        fields: further values of each object by name, each with A rows and its declaration.
    """

    offsets: np.ndarray
    ids: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    area: np.ndarray
    usable: np.ndarray
    segments: PackedBytes | None = None
    keypoints: np.ndarray | None = None
    keypoint_names: tuple[str, ...] = ()
    fields: Mapping[str, ObjectField] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def of_image(self, index: int) -> slice:
        """Return the rows of the objects of an image."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))

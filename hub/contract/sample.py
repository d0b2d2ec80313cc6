"""One annotated image, as datasets return it and transforms change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from hub.contract.fields import ObjectField, join_fields
from hub.contract.instance_masks import InstanceMasks
from hub.pixel_format import PixelDtype, PixelFormat, ValueRange


@dataclass
class Instances:
    """The annotated objects of one image.

    Attributes:
        boxes: (N, 4) float32, x1 y1 x2 y2 in pixels of ``Sample.image``.
        labels: (N,) int64 indices into the dataset's ``"instances"`` label space.
        crowd: (N,) bool, True for COCO's crowd regions.
        masks: N masks of the size of ``Sample.image``, or None when not asked for.
        keypoints: (N, K, 3) float32, x y in pixels and visibility 0/1/2, or None when not asked for.
        fields: further values of each object by name, such as an angle or a track id, with the rule by which
            geometric transforms change them.
    """

    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    masks: InstanceMasks | None = None
    keypoints: np.ndarray | None = None
    fields: Mapping[str, ObjectField] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.boxes)

    def select(self, which: np.ndarray) -> Instances:
        """Return some of the objects, selected by an (N,) bool array or by indices."""
        return Instances(
            boxes=self.boxes[which],
            labels=self.labels[which],
            crowd=self.crowd[which],
            masks=None if self.masks is None else self.masks[which],
            keypoints=None if self.keypoints is None else self.keypoints[which],
            fields={name: values[which] for name, values in self.fields.items()},
        )

    def back_to_front(self) -> np.ndarray:
        """Return the order in which to paint overlapping masks: crowds first, then from the largest to the smallest.

        Of objects of equal size the later one in the file is in front.
        """
        assert self.masks is not None
        return np.lexsort((-self.masks.areas, ~self.crowd))

    @classmethod
    def join(cls, groups: Sequence[Instances]) -> Instances:
        """Return the objects of several groups in one image, with the annotations that all groups have."""
        masks = [group.masks for group in groups if group.masks is not None]
        keypoints = [group.keypoints for group in groups if group.keypoints is not None]
        return cls(
            boxes=np.concatenate([group.boxes for group in groups]),
            labels=np.concatenate([group.labels for group in groups]),
            crowd=np.concatenate([group.crowd for group in groups]),
            masks=InstanceMasks.concatenate(masks) if len(masks) == len(groups) else None,
            keypoints=np.concatenate(keypoints) if len(keypoints) == len(groups) else None,
            fields=join_fields([group.fields for group in groups]),
        )


@dataclass
class Sample:
    """One image with its annotations.

    Attributes:
        image: (H, W, C) uint8, int16 or float32.
        id: id of the image in its dataset.
        path: path of the file.
        original_size: (height, width) in pixels of the file, before any transform.
        instances: objects, or None if the dataset does not provide objects.
        maps: per pixel, by name, each (…, H, W), with further axes such as depth where the image is a volume whose
            slices are channels: integer classes with 255 for "ignore", or floats with NaN for "unknown".
        tags: per image, by name, each an array of any fixed shape. Where a tag has labels, integers are classes, and
            floats are a number for each class, NaN for "unknown".
        value_range: the pixel values that mean 0 and 1; see `hub.pixel_format.PixelFormat`. The data pipeline sets it
            from `hub.data.Dataset.pixels`.
    """

    image: np.ndarray
    id: int | str
    path: Path
    original_size: tuple[int, int]
    instances: Instances | None = None
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    tags: Mapping[str, np.ndarray] = field(default_factory=dict)
    value_range: ValueRange = (0.0, 255.0)

    @property
    def pixels(self) -> PixelFormat:
        """Dtype and value range of the image.

        Raises:
            OptionError: the dtype of the image is not uint8, int16 or float32.
        """
        return PixelFormat(cast(PixelDtype, self.image.dtype.name), self.value_range)

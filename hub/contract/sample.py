"""One annotated image, between the file and the batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from hub.pixel_format import PixelDtype, PixelFormat, ValueRange


@dataclass
class Instances:
    """The annotated objects of one image.

    Attributes:
        boxes: (N, 4) float32, x1 y1 x2 y2 in pixels of ``Sample.image``.
        labels: (N,) int64 indices into the dataset's ``"instances"`` label space.
        crowd: (N,) bool, True for COCO's crowd regions.
        masks: (N, H, W) uint8 of 0 and 1, or None when not asked for.
        keypoints: (N, K, 3) float32, x y in pixels and visibility 0/1/2, or None when not asked for.
    """

    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    masks: np.ndarray | None = None
    keypoints: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass
class Sample:
    """One image with its annotations.

    Attributes:
        image: (H, W, C) uint8, int16 or float32.
        id: of the image in its dataset.
        path: of the file.
        original_size: (height, width) in pixels of the file, before any transform.
        instances: objects, or None where the dataset has none to give.
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
            OptionError: the image is of another dtype than uint8, int16 and float32.
        """
        return PixelFormat(cast(PixelDtype, self.image.dtype.name), self.value_range)

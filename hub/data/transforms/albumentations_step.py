"""Every 2D transform of albumentations, with all annotations following."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import ConfigDict, PrivateAttr

from hub.contract.option_types import Fraction, Probability
from hub.contract.sample import Sample
from hub.data.functional.pixel_values import from_unit, in_units, to_unit
from hub.data.functional.source_map import SourceMap, coordinate_planes
from hub.data.functional.warp import warp
from hub.data.transforms.effects import Effect, default_probability, open_effect
from hub.data.transforms.step import Context, Step
from hub.errors import OptionError
from hub.pixel_format import PixelFormat

_EIGHT_BITS = 1 / 255


class Albumentations(Step):
    """Apply the albumentations transform ``of``, with that transform's own options.

    .. code-block:: yaml

        - {name: albumentations, of: CLAHE, clip_limit: 4}
        - {name: albumentations, of: Perspective, scale: [0.05, 0.1], p: 0.5}

    Boxes, masks, keypoints, maps and fields of objects follow spatial transforms: the same transform moves the
    coordinates of all pixels, and from these the annotations. Maps are "ignore" outside the image. Objects of whose box
    less than ``min_visibility`` is left are removed. Dropouts hide pixels and keep all annotations. ``p`` is by default
    albumentations' own. All that is random is drawn from the step's generator.

    Images of other dtypes than uint8 are passed as float32 from 0 to 1, in units of their value range, and clipped to
    it; transforms that compute in 8 bits refuse them.

    Transforms that need further inputs (such as reference images), that change the dtype, or that are for volumes are
    refused when the config is read. Borders that repeat the image (``border_mode`` of reflection or wrapping) are
    refused when objects or maps are annotated, because annotations would not be repeated.
    """

    model_config = ConfigDict(extra="allow")

    of: str
    p: Probability | None = None
    min_visibility: Fraction = 0.1
    _effect: Effect = PrivateAttr()

    def model_post_init(self, context: object) -> None:
        """Create the transform.

        Raises:
            OptionError: see `hub.data.transforms.effects.open_effect`.
        """
        self._effect = open_effect(self.of, self.model_extra or {})

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Apply it, or not.

        Raises:
            OptionError: the transform does not take such an image, or cannot move the annotations.
        """
        if rng.random() >= (default_probability(self.of) if self.p is None else self.p):
            return sample
        self._effect.seed(int(rng.integers(2**32)))
        if not self._effect.spatial:
            return replace(sample, image=in_units(sample.image, sample.pixels, self._change(sample)))
        self._check_borders(sample)
        height, width = sample.image.shape[:2]
        boxes = None
        if self._effect.needs_boxes:
            objects = np.zeros((0, 4), np.float32) if sample.instances is None else sample.instances.boxes
            boxes = objects / np.array([width, height, width, height], np.float32)
        pixels = sample.pixels
        given = sample.image if pixels.dtype == "uint8" else to_unit(sample.image, pixels)
        image, planes = self._effect.warp(given, coordinate_planes((height, width)), boxes)
        image = image if pixels.dtype == "uint8" else from_unit(image, pixels)
        source = SourceMap.of(planes, (height, width))
        if source.identity:
            return replace(sample, image=image)
        if not source.inside.any():
            return sample  # nothing of the image would be left
        return warp(sample, image, source, min_visibility=self.min_visibility, keypoint_order=context.keypoint_order)

    def _change(self, sample: Sample) -> Any:
        def change(image: np.ndarray) -> np.ndarray:
            new = self._effect.image(image)
            if image.dtype != np.uint8:
                _refuse_eight_bits(self.of, image, new, sample.pixels)
            return new

        return change

    def _check_borders(self, sample: Sample) -> None:
        if self._effect.copies_borders and (sample.maps or (sample.instances is not None and len(sample.instances))):
            raise OptionError(
                f"albumentations' {self.of} repeats parts of the image outside it, where nothing is annotated",
                fix="leave out border_mode, or set it to 0 (a constant) or 1 (the border's pixels)",
            )


def _refuse_eight_bits(name: str, image: np.ndarray, new: np.ndarray, pixels: PixelFormat) -> None:
    """Refuse what is rounded to 8 bits, while the image was not.

    Raises:
        OptionError: it is.
    """
    some = new.ravel()[:: max(1, new.size // 10_000)] / _EIGHT_BITS
    before = image.ravel()[:: max(1, image.size // 10_000)] / _EIGHT_BITS
    if np.abs(some - np.rint(some)).max(initial=0) < 1e-3 <= np.abs(before - np.rint(before)).max(initial=0):
        raise OptionError(
            f"albumentations' {name} computes in 8 bits, but the images are {pixels}",
            fix="use another transform, or convert the images to 8 bits",
        )

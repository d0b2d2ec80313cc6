"""Mixup and CutMix: two images in one, and what they are annotated with."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from pydantic import PositiveFloat

from hub.contract.option_types import Fraction
from hub.contract.sample import Sample
from hub.data.functional.compose import overlay, with_objects
from hub.data.functional.geometry import crop, pad, resize
from hub.data.transforms.mixing import TagMixingStep, with_mixed_tags
from hub.data.transforms.step import Draw
from hub.errors import OptionError


class Mixup(TagMixingStep):
    """With probability ``p`` blend two images, the own one's share drawn from Beta(``alpha``, ``alpha``).

    ``alpha`` is 0.2 in the paper's recipe for ImageNet and 1.5 in that for detection. Where images have tags, these
    are mixed (see `TagMixingStep`) and the other image is resized to the own one's size. Otherwise both lie in the
    upper left corner of a black canvas that holds them; objects of both stay, whatever their share.

    References: Zhang et al., mixup, 2017 (https://arxiv.org/abs/1710.09412); Zhang et al., Bag of Freebies for
    Training Object Detection, 2019 (https://arxiv.org/abs/1902.04103), section 3.1.
    """

    alpha: PositiveFloat = 1.0

    def check(self, sample: Sample) -> None:
        """Refuse maps: a blended pixel is of no class, and of no depth.

        Raises:
            OptionError: names the map.
        """
        if sample.maps:
            raise OptionError(
                f"Mixup cannot blend the map {next(iter(sample.maps))!r}, which has one value for a pixel",
                fix="use cutmix, or leave mixup out",
            )

    def mix(self, sample: Sample, rng: np.random.Generator, partner: Draw) -> Sample:
        """Blend."""
        share = float(rng.beta(self.alpha, self.alpha))
        other = partner(rng)
        if sample.tags:
            other = resize(other, _size(sample))
        canvas = (max(_size(sample)[0], _size(other)[0]), max(_size(sample)[1], _size(other)[1]))
        one, two = pad(sample, canvas), pad(other, canvas)
        image = cv2.addWeighted(one.image, share, two.image, 1 - share, 0).reshape(one.image.shape)
        return with_mixed_tags(with_objects(replace(one, image=image), two), other, share)


class CutMix(TagMixingStep):
    """With probability ``p`` fill a window with the same window of another image, resized to the own one's size.

    The window has the image's shape and 1 − share of its area, the share drawn from Beta(``alpha``, ``alpha``), lies
    anywhere, and is cut at the border; the share of the tags (see `TagMixingStep`) is that of the pixels. Maps change
    with the pixels. Objects behind the window and in it are cut, and removed where less than ``min_visibility`` of
    them is left.

    Reference: Yun et al., CutMix, 2019 (https://arxiv.org/abs/1905.04899), section 3.1.
    """

    alpha: PositiveFloat = 1.0
    min_visibility: Fraction = 0.1

    def mix(self, sample: Sample, rng: np.random.Generator, partner: Draw) -> Sample:
        """Fill a window."""
        height, width = size = _size(sample)
        side = np.sqrt(1 - rng.beta(self.alpha, self.alpha))
        (top, bottom), (left, right) = (_interval(length, side * length, rng) for length in size)
        other = resize(partner(rng), size)
        region = np.zeros(size, bool)
        region[top:bottom, left:right] = True
        if not region.any():
            return with_mixed_tags(sample, other, 1.0)
        window = crop(other, top, left, (bottom - top, right - left), min_visibility=self.min_visibility)
        over = pad(window, size, top=top, left=left)
        mixed = overlay(sample, over, region, min_visibility=self.min_visibility)
        return with_mixed_tags(mixed, other, 1 - region.sum() / (height * width))


def _size(sample: Sample) -> tuple[int, int]:
    height, width = sample.image.shape[:2]
    return height, width


def _interval(length: int, side: float, rng: np.random.Generator) -> tuple[int, int]:
    """A whole interval of about ``side``, its middle anywhere from 0 to ``length``, cut there."""
    middle = rng.uniform(0, length)
    return max(0, round(middle - side / 2)), min(length, round(middle + side / 2))

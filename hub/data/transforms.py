"""Transforms: declared in YAML by name, pure functions of a sample and a seed.

The geometry is the hub's own, so that training and prediction resize alike; colours, blur and noise come from
albumentations, which nothing else in the hub touches.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from hub.data.geometry import clip, crop, mirror, mirrored_order, pad, resize
from hub.data.sample import Sample
from hub.errors import ConfigError, did_you_mean
from hub.images import ResizeRule
from hub.model.options import Options, parse_options

Probability = Annotated[float, Field(ge=0, le=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Scale = Annotated[float, Field(gt=0)]
Pixels = Annotated[int, Field(gt=0)]


class Step(Options, ABC):
    """One transform and its options; subclasses are what `TRANSFORMS` names."""

    @abstractmethod
    def __call__(self, sample: Sample, rng: np.random.Generator, keypoint_order: np.ndarray | None) -> Sample:
        """A changed copy of the sample.

        Args:
            sample: left as it is.
            rng: the only source of randomness.
            keypoint_order: of keypoints in a mirrored image, or None where none has a left and a right.
        """


class Resize(Step):
    """Bring the shorter side to ``shortest`` pixels, or to one of several, the other within ``longest``."""

    shortest: Pixels | Annotated[tuple[Pixels, ...], Field(min_length=1)] = 800
    longest: Pixels = 1333

    def __call__(self, sample: Sample, rng: np.random.Generator, keypoint_order: np.ndarray | None) -> Sample:
        """Resize; see `hub.images.ResizeRule`."""
        sides = (self.shortest,) if isinstance(self.shortest, int) else self.shortest
        rule = ResizeRule(shortest=sides[int(rng.integers(len(sides)))], longest=self.longest)
        return resize(sample, rule.size(*sample.image.shape[:2]))


class Flip(Step):
    """Mirror left to right with probability ``p``."""

    p: Probability = 0.5

    def __call__(self, sample: Sample, rng: np.random.Generator, keypoint_order: np.ndarray | None) -> Sample:
        """Flip, or not."""
        return mirror(sample, keypoint_order=keypoint_order) if rng.random() < self.p else sample


class VerticalFlip(Step):
    """Mirror top to bottom with probability ``p``; in this mirror, too, left and right change places."""

    p: Probability = 0.5

    def __call__(self, sample: Sample, rng: np.random.Generator, keypoint_order: np.ndarray | None) -> Sample:
        """Flip, or not."""
        if rng.random() >= self.p:
            return sample
        return mirror(sample, vertical=True, keypoint_order=keypoint_order)


class Range(Step):
    """Base of what draws a number between ``low`` and ``high``."""

    low: Scale
    high: Scale

    @field_validator("high")
    @classmethod
    def _ordered(cls, high: float, info: ValidationInfo) -> float:
        if high < info.data.get("low", high):
            raise ValueError("it must not be below low")
        return high


class ScaleJitter(Range):
    """Large-scale jitter: fit into ``size``, scale by ``low`` to ``high``, cut or pad to exactly ``size``.

    Reference: Ghiasi et al., Simple Copy-Paste, 2021 (https://arxiv.org/abs/2012.07177), section 3.
    """

    low: Scale = 0.1
    high: Scale = 2.0
    size: tuple[Pixels, Pixels] = (1024, 1024)
    fill: Annotated[int, Field(ge=0, le=255)] = 128
    min_visibility: Probability = 0.0

    def __call__(self, sample: Sample, rng: np.random.Generator, keypoint_order: np.ndarray | None) -> Sample:
        """Scale, cut and pad."""
        height, width = sample.image.shape[:2]
        scale = rng.uniform(self.low, self.high) * min(self.size[0] / height, self.size[1] / width)
        scaled = resize(sample, (max(1, round(height * scale)), max(1, round(width * scale))))
        height, width = scaled.image.shape[:2]
        window = (min(height, self.size[0]), min(width, self.size[1]))
        cut = _random_crop(scaled, window, rng, self.min_visibility)
        return pad(cut, self.size, fill=self.fill)


class Crop(Range):
    """With probability ``p`` cut out a window whose sides are ``low`` to ``high`` of the image's."""

    low: Fraction = 0.5
    high: Fraction = 1.0
    p: Probability = 0.5
    min_visibility: Probability = 0.1

    def __call__(self, sample: Sample, rng: np.random.Generator, keypoint_order: np.ndarray | None) -> Sample:
        """Cut, or not."""
        if rng.random() >= self.p:
            return sample
        height, width = sample.image.shape[:2]
        down, across = rng.uniform(self.low, self.high, 2)
        window = (max(1, round(height * down)), max(1, round(width * across)))
        return _random_crop(sample, window, rng, self.min_visibility)


class RandomResizedCrop(Range):
    """Cut out ``low`` to ``high`` of the image's area, of a random shape, and bring it to ``size``.

    Width to height is between 1 / ``ratio`` and ``ratio``, evenly on a logarithmic scale. Where no such window fits
    in ten attempts, it is the largest one in the middle that does. Boxes of which less than ``min_visibility`` is
    left are removed.

    Reference: Szegedy et al., Going deeper with convolutions, 2014 (https://arxiv.org/abs/1409.4842), section 6.
    """

    low: Fraction = 0.08
    high: Fraction = 1.0
    ratio: Annotated[float, Field(ge=1)] = 4 / 3
    size: tuple[Pixels, Pixels] = (224, 224)
    min_visibility: Probability = 0.1

    def __call__(self, sample: Sample, rng: np.random.Generator, keypoint_order: np.ndarray | None) -> Sample:
        """Cut and resize."""
        height, width = sample.image.shape[:2]
        for _ in range(10):
            area = rng.uniform(self.low, self.high) * height * width
            ratio = np.exp(rng.uniform(-np.log(self.ratio), np.log(self.ratio)))
            window = round(np.sqrt(area / ratio)), round(np.sqrt(area * ratio))
            if 0 < window[0] <= height and 0 < window[1] <= width:
                cut = _random_crop(sample, window, rng, self.min_visibility)
                return resize(cut, self.size)
        window = min(height, round(width * self.ratio)), min(width, round(height * self.ratio))
        top, left = (height - window[0]) // 2, (width - window[1]) // 2
        return resize(crop(sample, top, left, window, min_visibility=self.min_visibility), self.size)


class PixelStep(Step):
    """Base of what changes pixel values only, through albumentations."""

    p: Probability = 0.5

    @abstractmethod
    def effect(self) -> Any:
        """The albumentations transform, always applied: chance is drawn here."""

    def __call__(self, sample: Sample, rng: np.random.Generator, keypoint_order: np.ndarray | None) -> Sample:
        """Change the image, or not."""
        if rng.random() >= self.p:
            return sample
        effect = _effect(self)
        effect.set_random_seed(int(rng.integers(2**32)))
        return replace(sample, image=effect(image=sample.image)["image"])


class Colour(PixelStep):
    """Change brightness, contrast and saturation by up to these fractions, hue by this part of the circle."""

    brightness: Probability = 0.2
    contrast: Probability = 0.2
    saturation: Probability = 0.2
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.02

    def effect(self) -> Any:
        """ColorJitter."""
        return _albumentations().ColorJitter(
            brightness=(1 - self.brightness, 1 + self.brightness),
            contrast=(1 - self.contrast, 1 + self.contrast),
            saturation=(1 - self.saturation, 1 + self.saturation),
            hue=(-self.hue, self.hue),
            p=1,
        )


class Blur(PixelStep):
    """Gaussian blur with a standard deviation of up to ``sigma`` pixels."""

    sigma: Scale = 1.5

    def effect(self) -> Any:
        """GaussianBlur; kernel size 0 lets it follow from sigma."""
        return _albumentations().GaussianBlur(sigma_limit=(0.0, self.sigma), blur_limit=0, p=1)


class Noise(PixelStep):
    """Gaussian noise with a standard deviation of up to ``std`` of the full range."""

    std: Fraction = 0.05

    def effect(self) -> Any:
        """GaussNoise."""
        return _albumentations().GaussNoise(std_range=(0.0, self.std), p=1)


TRANSFORMS: dict[str, type[Step]] = {
    "resize": Resize,
    "flip": Flip,
    "vertical_flip": VerticalFlip,
    "scale_jitter": ScaleJitter,
    "crop": Crop,
    "random_resized_crop": RandomResizedCrop,
    "colour": Colour,
    "blur": Blur,
    "noise": Noise,
}


class Transform:
    """Steps one after the other, as a pure function of (sample, seed).

    Args:
        steps: in the order in which they are applied.
        keypoint_names: names that begin with ``left_`` and ``right_`` change places in mirrored images.

    >>> Transform.parse([{"name": "resize", "shortest": [640, 800]}, {"name": "flip"}])
    Transform(Resize(shortest=(640, 800), longest=1333), Flip(p=0.5))
    """

    def __init__(self, steps: Sequence[Step] = (), *, keypoint_names: Sequence[str] = ()) -> None:
        self.steps = tuple(steps)
        self.keypoint_names = tuple(keypoint_names)
        self._order = mirrored_order(self.keypoint_names)

    @classmethod
    def parse(cls, declared: Iterable[Mapping[str, Any]]) -> Transform:
        """Build from a config's list: each item has a ``name`` of `TRANSFORMS` and that transform's options.

        Raises:
            ConfigError: an item without a name, or a name that there is no transform for.
            OptionError: an option that the transform does not have, or a value that it does not take.
        """
        return cls([_parse_step(item) for item in declared])

    @classmethod
    def resize(cls, rule: ResizeRule) -> Transform:
        """The transform of evaluation: the size that a model's preprocessing asks for, nothing random."""
        return cls([Resize(shortest=rule.shortest, longest=rule.longest)])

    def for_keypoints(self, names: Sequence[str]) -> Transform:
        """The same steps for objects with these keypoints."""
        return Transform(self.steps, keypoint_names=names)

    def __call__(self, sample: Sample, rng_seed: int) -> Sample:
        """A transformed copy: boxes within the image, objects of less than a pixel removed.

        Args:
            sample: left as it is.
            rng_seed: not negative; the same sample and seed give the same answer, bit for bit, wherever and
                however often this is called.
        """
        for position, step in enumerate(self.steps):
            # A generator for each step: what one draws does not move the others.
            sample = step(sample, np.random.default_rng([rng_seed, position]), self._order)
        if sample.instances is None:
            return sample
        return replace(sample, instances=clip(sample.instances, sample.image.shape[:2]))

    def __repr__(self) -> str:
        return f"Transform({', '.join(map(repr, self.steps))})"


def _parse_step(item: Mapping[str, Any]) -> Step:
    known = ", ".join(TRANSFORMS)
    if not isinstance(item, Mapping) or "name" not in item:
        raise ConfigError(f"transform {item!r} has no name", fix=f"write {{name: …}} with one of {known}")
    options = dict(item)
    name = options.pop("name")
    if name not in TRANSFORMS:
        nearest = did_you_mean(str(name), TRANSFORMS)
        raise ConfigError(f"unknown transform {name!r}.{nearest}", fix=f"known: {known}")
    return parse_options(TRANSFORMS[name], options, owner=f"transform {name!r}")


def _random_crop(sample: Sample, window: tuple[int, int], rng: np.random.Generator, min_visibility: float) -> Sample:
    height, width = sample.image.shape[:2]
    top = int(rng.integers(height - window[0] + 1))
    left = int(rng.integers(width - window[1] + 1))
    return crop(sample, top, left, window, min_visibility=min_visibility)


@lru_cache(maxsize=64)
def _effect(step: PixelStep) -> Any:
    return step.effect()


def _albumentations() -> Any:
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # otherwise its import asks the network for news
    import albumentations

    return albumentations

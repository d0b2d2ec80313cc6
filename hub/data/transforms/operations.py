"""The fourteen operations that RandAugment and TrivialAugment choose from.

Colors are changed by Pillow, in which the papers' operations are defined; the geometry is the hub's own, so that boxes,
masks, keypoints and maps follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from hub.contract.sample import Sample
from hub.data.functional.affine import affine, affine_matrix


@dataclass(frozen=True)
class Operation:
    """One way to change a sample.

    Attributes:
        change: from a sample, an amount and the value of pixels from outside the image, to a changed sample.
        rand_most: the amount at RandAugment's highest magnitude.
        trivial_most: the same for TrivialAugment, whose range is wider.
        signed: whether the amount may be negative as well.
    """

    change: Callable[[Sample, float, float], Sample]
    rand_most: float = 0.0
    trivial_most: float = 0.0
    signed: bool = False


MIN_VISIBILITY = 0.1  # part of an object's box that must stay in the image for the object to stay


def _moved(name: str, sample: Sample, amount: Any, fill: float) -> Sample:
    matrix = affine_matrix(sample.image.shape[:2], **{name: amount})
    return affine(sample, matrix, fill=fill, min_visibility=MIN_VISIBILITY)


def _pillow(effect: Callable[[Image.Image, float], Image.Image]) -> Callable[[Sample, float, float], Sample]:
    def change(sample: Sample, amount: float, fill: float) -> Sample:
        pixels = sample.image
        picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        return replace(sample, image=np.array(effect(picture, amount)).reshape(pixels.shape))

    return change


def _enhance(kind: Callable[[Image.Image], Any]) -> Callable[[Sample, float, float], Sample]:
    return _pillow(lambda picture, amount: kind(picture).enhance(1 + amount))


# Amounts: shears in pixels per pixel, shifts in fractions of the side, degrees, changes of an enhancement's factor,
# bits taken away, and the part of all values that is inverted. As torchvision has them, but that TrivialAugment's
# shift of 32 pixels is a part of 224 here, and that shears are about the middle.
OPERATIONS: dict[str, Operation] = {
    "identity": Operation(lambda sample, amount, fill: sample),
    "shear_x": Operation(lambda s, a, f: _moved("shear", s, (a, 0.0), f), 0.3, 0.99, signed=True),
    "shear_y": Operation(lambda s, a, f: _moved("shear", s, (0.0, a), f), 0.3, 0.99, signed=True),
    "translate_x": Operation(lambda s, a, f: _moved("translate", s, (a, 0.0), f), 150 / 331, 32 / 224, signed=True),
    "translate_y": Operation(lambda s, a, f: _moved("translate", s, (0.0, a), f), 150 / 331, 32 / 224, signed=True),
    "rotate": Operation(lambda s, a, f: _moved("rotate", s, a, f), 30.0, 135.0, signed=True),
    "brightness": Operation(_enhance(ImageEnhance.Brightness), 0.9, 0.99, signed=True),
    "color": Operation(_enhance(ImageEnhance.Color), 0.9, 0.99, signed=True),
    "contrast": Operation(_enhance(ImageEnhance.Contrast), 0.9, 0.99, signed=True),
    "sharpness": Operation(_enhance(ImageEnhance.Sharpness), 0.9, 0.99, signed=True),
    "posterize": Operation(_pillow(lambda picture, bits: ImageOps.posterize(picture, 8 - round(bits))), 4.0, 6.0),
    "solarize": Operation(_pillow(lambda picture, part: ImageOps.solarize(picture, ceil(256 * (1 - part)))), 1.0, 1.0),
    "autocontrast": Operation(_pillow(lambda picture, amount: ImageOps.autocontrast(picture))),
    "equalize": Operation(_pillow(lambda picture, amount: ImageOps.equalize(picture))),
}

"""The transforms by name, and how a config's list becomes steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.contract.options import parse_options
from hub.data.transforms.auto_augment import RandAugment, TrivialAugment
from hub.data.transforms.copy_paste import CopyPaste
from hub.data.transforms.erasing import RandomErasing
from hub.data.transforms.geometric import Affine, Crop, Flip, RandomResizedCrop, Resize, ScaleJitter, VerticalFlip
from hub.data.transforms.mixup import CutMix, Mixup
from hub.data.transforms.mosaic import Mosaic
from hub.data.transforms.pixels import Blur, Colour, Noise
from hub.data.transforms.step import Step
from hub.errors import ConfigError, did_you_mean

TRANSFORMS: dict[str, type[Step]] = {
    "resize": Resize,
    "flip": Flip,
    "vertical_flip": VerticalFlip,
    "scale_jitter": ScaleJitter,
    "crop": Crop,
    "random_resized_crop": RandomResizedCrop,
    "affine": Affine,
    "colour": Colour,
    "blur": Blur,
    "noise": Noise,
    "random_erasing": RandomErasing,
    "rand_augment": RandAugment,
    "trivial_augment": TrivialAugment,
    "mosaic": Mosaic,
    "copy_paste": CopyPaste,
    "mixup": Mixup,
    "cutmix": CutMix,
}


def parse_step(item: Mapping[str, Any]) -> Step:
    """The step that one item of a config's list declares: its ``name`` and its options.

    Raises:
        ConfigError: an item without a name, or a name that there is no transform for.
        OptionError: an option that the transform does not have, or a value that it does not take.
    """
    known = ", ".join(TRANSFORMS)
    if not isinstance(item, Mapping) or "name" not in item:
        raise ConfigError(f"transform {item!r} has no name", fix=f"write {{name: …}} with one of {known}")
    options = dict(item)
    name = options.pop("name")
    if name not in TRANSFORMS:
        nearest = did_you_mean(str(name), TRANSFORMS)
        raise ConfigError(f"unknown transform {name!r}.{nearest}", fix=f"known: {known}")
    return parse_options(TRANSFORMS[name], options, owner=f"transform {name!r}")

"""albumentations, behind one module: nothing else in the hub imports it."""

from __future__ import annotations

import importlib
import inspect
import os
import warnings
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from pydantic import ValidationError

from hub.errors import OptionError, did_you_mean

# Dropouts and morphology: they change pixels, not where things are.
_PIXELS_ONLY = frozenset(
    {
        "CoarseDropout", "Erasing", "FrequencyMasking", "GridDropout", "Morphological", "PixelDropout", "TimeMasking",
        "XYMasking",
    }
)  # fmt: skip
_BOXES = frozenset({"AtLeastOneBBoxRandomCrop", "BBoxSafeRandomCrop", "RandomSizedBBoxSafeCrop"})
_CONVERTS = "it changes the dtype, which stays as it is until the model's preprocessing"
_NEEDS_MORE = "it needs further inputs, which a config cannot give"
_REFUSED = {
    **dict.fromkeys(("FromFloat", "Normalize", "ToFloat", "ToTensor3D", "ToTensorV2"), _CONVERTS),
    **dict.fromkeys(
        (
            "ConstrainedCoarseDropout", "CropNonEmptyMaskIfExists", "FDA", "HistogramMatching", "Lambda", "MaskDropout",
            "OverlayElements", "PixelDistributionAdaptation", "RandomCropNearBBox", "TextImage",
        ),
        _NEEDS_MORE,
    ),
    "Mosaic": "the hub's own transform mosaic does this",
}  # fmt: skip
_OURS = ("p", "fill_mask", "mask_interpolation", "always_apply")  # options that are set here
_LINEAR = 1  # cv2.INTER_LINEAR
_COPYING_BORDERS = (2, 3, 4)  # cv2's reflections and wrapping


class Effect:
    """One albumentations transform, applied whenever it is called.

    Attributes:
        name: albumentations' name of it.
        spatial: whether it moves pixels, so that annotations must follow.
        needs_boxes: whether it draws from where the boxes are.
        copies_borders: whether it fills the outside with reflected or repeated parts of the image.
    """

    def __init__(self, transform: Any) -> None:
        self._transform = transform
        self.name = type(transform).__name__
        dual = issubclass(type(transform), _library().DualTransform)
        self.spatial = dual and self.name not in _PIXELS_ONLY
        self.needs_boxes = self.name in _BOXES
        self.copies_borders = getattr(transform, "border_mode", 0) in _COPYING_BORDERS

    def seed(self, seed: int) -> None:
        """Seed everything that the next call draws."""
        self._transform.set_random_seed(seed)

    def image(self, image: np.ndarray) -> np.ndarray:
        """Return (H, W, C) uint8, or float32 from 0 to 1, changed.

        Raises:
            OptionError: the transform does not take such an image.
        """
        return self._call(image)["image"]

    def warp(
        self, image: np.ndarray, planes: np.ndarray, boxes: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return an image changed, and float planes moved in the same way.

        Args:
            image: (H, W, C) uint8, or float32 from 0 to 1.
            planes: (H, W, K) float32, interpolated linearly; 0 outside.
            boxes: (N, 4) x1 y1 x2 y2 in fractions of width and height, for transforms that need them.

        Raises:
            OptionError: the transform does not take such an image.
        """
        more = {"bboxes": boxes} if self.needs_boxes and boxes is not None else {}
        found = self._call(image, mask=planes, **more)
        return found["image"], found["mask"]

    def _call(self, image: np.ndarray, **more: np.ndarray) -> dict[str, np.ndarray]:
        try:
            found: dict[str, np.ndarray] = self._transform(image=image, **more)
        except Exception as error:  # albumentations and OpenCV raise many kinds
            raise OptionError(
                f"albumentations' {self.name} does not take a {image.dtype} image of shape {image.shape}: {error}",
                fix="use a transform that does, or other options of this one",
            ) from error
        new = found["image"]
        new = new if new.ndim == 3 else new[:, :, None]
        if new.dtype != image.dtype or new.shape[2] != image.shape[2]:
            raise OptionError(
                f"albumentations' {self.name} makes {new.dtype} of {new.shape[2]} channels "
                f"from {image.dtype} of {image.shape[2]}",
                fix="use a transform that keeps both",
            )
        return {**found, "image": new}


def make_effect(name: str, **options: Any) -> Effect:
    """Return an albumentations transform by its name and its own options."""
    return Effect(getattr(_library(), name)(p=1, **options))


def open_effect(name: str, options: Mapping[str, Any]) -> Effect:
    """Return the albumentations transform that a config names, with every option checked.

    Raises:
        OptionError: an unknown transform or option, with the nearest known one; a value that it does not take; or a
            transform that cannot be used here, with the reason.
    """
    if name in _REFUSED:
        raise OptionError(f"albumentations' {name} cannot be used here: {_REFUSED[name]}", fix="choose another one")
    known = effect_names()
    if name not in known:
        same = [other for other in known if other.lower() == name.lower()]
        nearest = f" Did you mean {same[0]}?" if same else did_you_mean(name, known)
        raise OptionError(
            f"albumentations has no 2D transform {name!r}.{nearest}",
            fix=f"its transforms are {', '.join(known)}",
        )
    cls = getattr(_library(), name)
    parameters = _parameters(cls)
    for option in options:
        if option not in parameters:
            raise OptionError(
                f"albumentations' {name} has no option {option!r}.{did_you_mean(option, parameters)}",
                fix=f"its options are {', '.join(parameters) or '(none)'}",
            )
    taken = inspect.signature(cls.__init__).parameters
    extra = {"mask_interpolation": _LINEAR} if "mask_interpolation" in taken else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # advice to use another one of its transforms
            return make_effect(name, **{k: _tuples(v) for k, v in options.items()}, **extra)
    except Exception as error:  # of pydantic, or of the transform's own checks
        reason = _reason(error)
        raise OptionError(f"albumentations' {name}: {reason}", fix="give values of its documentation") from None


def default_probability(name: str) -> float:
    """Return albumentations' own default of ``p`` for a transform."""
    return float(inspect.signature(getattr(_library(), name).__init__).parameters["p"].default)


@cache
def effect_names() -> tuple[str, ...]:
    """Return the names of all albumentations transforms that `open_effect` opens."""
    library = _library()
    base, volumes = library.BasicTransform, library.Transform3D
    bases = {base, library.DualTransform, library.ImageOnlyTransform}
    found = []
    for name, cls in vars(library).items():
        if not (inspect.isclass(cls) and issubclass(cls, base)) or issubclass(cls, volumes) or cls in bases:
            continue
        if name not in _REFUSED:
            found.append(name)
    return tuple(sorted(found))


def _reason(error: Exception) -> str:
    cause = error if isinstance(error, ValidationError) else error.__cause__ or error.__context__
    if not isinstance(cause, ValidationError):
        return str(error)
    first = cause.errors()[0]
    option = first["loc"][0] if first["loc"] else None
    if option is None:
        return first["msg"]
    if first["type"] == "missing":
        return f"it needs the option {option!r}"
    return f"option {option} = {first['input']!r}: {first['msg']}"


def _parameters(cls: type) -> list[str]:
    names = list(inspect.signature(cls.__init__).parameters)[1:]  # type: ignore[misc]
    return [name for name in names if name not in _OURS]


def _tuples(value: Any) -> Any:
    """Return YAML's lists as tuples, which albumentations wants for ranges."""
    return tuple(_tuples(v) for v in value) if isinstance(value, list | tuple) else value


@cache
def _library() -> ModuleType:
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # otherwise its import asks the network for news
    return importlib.import_module("albumentations")

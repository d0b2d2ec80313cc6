"""From a scanner's numbers to the int16 channels of the hub's images, by a rule that is stored.

nnU-Net's rules (Isensee et al., nnU-Net, Nature Methods 2021, https://doi.org/10.1038/s41592-020-01008-z): CT is
clipped to the 0.5 and 99.5 percentiles of the training foreground and z-scored with its mean and deviation; anything
else is z-scored case by case. Or CT windows, one per channel.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hub import PixelFormat
from hub.errors import DataError, OptionError, did_you_mean

# What rules give: 0 and 1 of a rule's range as int16. A step is 0.12 HU of a range of 1000 HU, or 0.001 standard
# deviations, and values outside the range are kept.
PIXELS = PixelFormat("int16", (0.0, 8192.0))

# Center and width in Hounsfield units; the values are those that radiology teaching commonly gives.
CT_WINDOWS: dict[str, tuple[float, float]] = {
    "soft-tissue": (40, 400),
    "lung": (-600, 1500),
    "mediastinum": (50, 350),
    "liver": (30, 150),
    "bone": (400, 1800),
    "brain": (40, 80),
    "subdural": (75, 215),
    "stroke": (40, 40),
}


class IntensityRule(ABC):
    """How the intensities of one image channel become one or more channels in units of a range, and int16 of those."""

    @property
    def channels(self) -> int:
        """Number of channels that it makes."""
        return 1

    @abstractmethod
    def unit(self, array: np.ndarray) -> np.ndarray:
        """Intensities (…) of a case in units of the rule's range as float32, (channels, …)."""

    @abstractmethod
    def normalization(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and deviation by which (unit − mean) / std is the rule's z-score; for `hub.Preprocessing`."""

    def pixels(self, array: np.ndarray) -> np.ndarray:
        """`unit` as int16 in the format `PIXELS`."""
        return to_pixels(self.unit(array))

    def to_dict(self) -> dict[str, Any]:
        """As plain values, to store beside weights."""
        name = next(name for name, cls in RULES.items() if type(self) is cls)
        return {"rule": name, **asdict(self)}  # type: ignore[call-overload]


@dataclass(frozen=True)
class WindowRule(IntensityRule):
    """CT windows: center − width / 2 becomes 0, center + width / 2 becomes 1, one channel per window.

    >>> WindowRule(((40, 400),)).unit(np.array([-160, 40, 240, 1000])).tolist()
    [[0.0, 0.5, 1.0, 1.0]]
    """

    windows: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "windows", tuple((float(c), float(w)) for c, w in self.windows))
        if not self.windows or any(width <= 0 for _, width in self.windows):
            raise OptionError(f"CT windows {self.windows}", fix="give at least one, each of a width above 0")

    @property
    def channels(self) -> int:
        """One per window."""
        return len(self.windows)

    def unit(self, array: np.ndarray) -> np.ndarray:
        """See `IntensityRule`."""
        return np.stack([_ramp(array, center - width / 2, center + width / 2) for center, width in self.windows])

    def normalization(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """A window has no z-score: from −1 to 1."""
        return (0.5,) * self.channels, (0.5,) * self.channels


@dataclass(frozen=True)
class CtRule(IntensityRule):
    """nnU-Net's rule for CT, with the statistics of the training foreground.

    Args:
        low: 0.5 percentile, in HU.
        high: 99.5 percentile, in HU.
        mean: in HU.
        std: in HU.
    """

    low: float
    high: float
    mean: float
    std: float

    def __post_init__(self) -> None:
        if not (self.low < self.high and self.std > 0):
            raise DataError(
                f"the training foreground has one intensity only: percentiles {self.low:g} and {self.high:g}",
                fix="check that images and labels belong together, or use a window",
            )

    def unit(self, array: np.ndarray) -> np.ndarray:
        """From ``low`` to ``high``, clipped."""
        return _ramp(array, self.low, self.high)[None]

    def normalization(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """nnU-Net's z-score in units of the clipped range."""
        span = self.high - self.low
        return ((self.mean - self.low) / span,), (self.std / span,)


@dataclass(frozen=True)
class ZScoreRule(IntensityRule):
    """nnU-Net's rule for anything but CT: each case by its own mean and deviation.

    Args:
        limit: the range is from −limit to limit. Z-scores beyond it are kept; photometric transforms clip to it.
    """

    limit: float = 4.0

    def unit(self, array: np.ndarray) -> np.ndarray:
        """0 and 1 are −limit and limit; a constant case is 0.5 everywhere."""
        mean, std = float(array.mean(dtype=np.float64)), float(array.std(dtype=np.float64))
        score = (array.astype(np.float32) - np.float32(mean)) / np.float32(max(std, 1e-8))
        return np.asarray(score * np.float32(0.5 / self.limit) + np.float32(0.5))[None]

    def normalization(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Back to the z-score."""
        return (0.5,), (0.5 / self.limit,)


RULES: dict[str, type[IntensityRule]] = {"window": WindowRule, "ct": CtRule, "z-score": ZScoreRule}


def rule_from_dict(data: Mapping[str, Any]) -> IntensityRule:
    """The inverse of `IntensityRule.to_dict`.

    >>> rule_from_dict(WindowRule(((40, 400),)).to_dict())
    WindowRule(windows=((40.0, 400.0),))

    Raises:
        OptionError: no rule of that name.
    """
    values = dict(data)
    name = str(values.pop("rule", None))
    if name not in RULES:
        raise OptionError(f"no intensity rule {name!r}.{did_you_mean(name, RULES)}", fix=f"one of {', '.join(RULES)}")
    return RULES[name](**values)


def window_rule(names: Sequence[str]) -> WindowRule:
    """A rule from windows by name, or written as center/width in HU.

    >>> window_rule(["lung", "40/400"]).windows
    ((-600.0, 1500.0), (40.0, 400.0))

    Raises:
        OptionError: neither a name nor two numbers.
    """
    return WindowRule(tuple(_window(name) for name in names))


def fit_ct_rule(cases: Iterable[tuple[np.ndarray, np.ndarray]], *, per_case: int = 10_000, seed: int = 0) -> CtRule:
    """The statistics of the training foreground, from the same number of voxels of every case.

    Args:
        cases: of the training part only, each (intensities, labels) of one shape; labels above 0 are foreground.
        per_case: voxels drawn at random, with replacement as nnU-Net does.
        seed: of the draw.

    Raises:
        DataError: no case has foreground.
    """
    random = np.random.default_rng(seed)
    drawn = []
    for image, labels in cases:
        foreground = image[labels > 0]
        if foreground.size:
            drawn.append(random.choice(foreground, per_case))
    if not drawn:
        raise DataError("no training case has foreground to take intensities from", fix="check labels, or use a window")
    values = np.concatenate(drawn).astype(np.float64)
    low, high = np.percentile(values, (0.5, 99.5)).tolist()
    return CtRule(low=low, high=high, mean=float(values.mean()), std=float(values.std()))


def to_pixels(unit: np.ndarray) -> np.ndarray:
    """Units of a rule's range as int16 in the format `PIXELS`, rounded.

    >>> to_pixels(np.array([0.0, 0.5, 1.0, 5.0], np.float32)).tolist()
    [0, 4096, 8192, 32767]
    """
    scaled = np.rint(unit * np.float32(PIXELS.span))
    pixels: np.ndarray = scaled.clip(-32768, 32767).astype(np.int16)
    return pixels


def to_gray(pixels: np.ndarray) -> np.ndarray:
    """Images in the format `PIXELS` as uint8 to look at; other uint8 images as they are.

    >>> to_gray(np.array([-5, 4096, 9000], np.int16)).tolist()
    [0, 128, 255]
    """
    if pixels.dtype == np.uint8:
        return pixels
    gray: np.ndarray = np.rint(pixels.astype(np.float32) * np.float32(255 / PIXELS.span)).clip(0, 255).astype(np.uint8)
    return gray


def looks_like_ct(array: np.ndarray) -> bool:
    """Whether intensities look like Hounsfield units: air at about −1000 and nothing far below the scanner's −1024.

    >>> looks_like_ct(np.array([-1024.0, 40, 1200])), looks_like_ct(np.array([0.0, 900, 4000]))
    (True, False)
    """
    return bool(-4000 < array.min() <= -900)


def _window(text: str) -> tuple[float, float]:
    if text in CT_WINDOWS:
        return CT_WINDOWS[text]
    try:
        center, width = map(float, text.split("/"))
    except ValueError:
        raise OptionError(
            f"no CT window {text!r}.{did_you_mean(text, CT_WINDOWS)}",
            fix=f"one of {', '.join(CT_WINDOWS)}, or center/width such as 40/400",
        ) from None
    return center, width


def _ramp(array: np.ndarray, low: float, high: float) -> np.ndarray:
    unit: np.ndarray = (array.astype(np.float32) - np.float32(low)) / np.float32(high - low)
    return unit.clip(0, 1, out=unit)

"""From the files of a case to what a network reads: the same steps in training and prediction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hub.errors import OptionError
from hub_medical.volumes.intensity import IntensityRule, to_pixels
from hub_medical.volumes.resample import to_canonical
from hub_medical.volumes.slicing import neighbors
from hub_medical.volumes.volume import Volume, check_same_grid


def prepare_case(
    images: Sequence[Volume], rules: Sequence[IntensityRule], *, spacing: Sequence[float] | None = None
) -> np.ndarray:
    """Normalize, turn to RAS+, and resample linearly, in nnU-Net's order.

    Args:
        images: one per channel, on one grid.
        rules: one per image.
        spacing: mm along R, A and S; None keeps that of the file.

    Returns:
        (C, I, J, K) int16 in RAS+, in the format `hub_medical.volumes.intensity.PIXELS`; C is the sum of the rules'
        channels.

    Raises:
        GridMismatchError: the channels lie on different grids.
    """
    planes = []
    for image, rule in zip(images, rules, strict=True):
        check_same_grid(image, images[0])
        for unit in rule.unit(image.array):
            canonical = to_canonical(image.with_array(unit), spacing).array
            planes.append(to_pixels(canonical))
    return np.stack(planes)


def slab(planes: np.ndarray, index: int, in_chans: int) -> np.ndarray:
    """One slice with its neighbors as an image of the hub: 2.5D, or 2D where ``in_chans`` is the channels.

    Args:
        planes: (C, N, H, W), slices as `hub_medical.volumes.slicing.take_planes` gives them.
        index: of the slice in the middle.
        in_chans: C · (2k + 1); k neighbors on either side, the last slice repeated beyond an end.

    Returns:
        (H, W, in_chans), slice after slice, the channels of each together.

    Raises:
        OptionError: a number of channels that is no odd multiple of C.

    >>> slab(np.arange(3, dtype=np.uint8).reshape(1, 3, 1, 1), 2, 3).ravel().tolist()
    [1, 2, 2]
    """
    channels, count = planes.shape[:2]
    slices, rest = divmod(in_chans, channels)
    if rest or slices % 2 == 0:
        raise OptionError(
            f"in_chans is {in_chans}, for slices of {channels} channel{'s' if channels > 1 else ''}",
            fix=f"use {channels} for single slices, {3 * channels} with one neighbor on either side, and so on",
        )
    stack = planes[:, neighbors(index, slices, count)]  # (C, slices, H, W)
    return np.ascontiguousarray(stack.transpose(2, 3, 1, 0).reshape(*planes.shape[2:], in_chans))

"""Steps that change pixel values work on images of any number of channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hub.contract.sample import Sample
from hub.data.transforms import Transform

GREY = np.random.default_rng(0).integers(40, 200, (30, 40, 1), np.uint8)


def changed(image: np.ndarray, **step: object) -> np.ndarray:
    sample = Sample(image=image, id=1, path=Path("x"), original_size=(30, 40))
    return Transform.parse([step])(sample, 5).image


@pytest.mark.parametrize("channels", [2, 5, 9])
def test_colour_changes_the_channels_of_other_images_alike(channels: int) -> None:
    """Neighboring slices of a volume, or windows of CT, must stay comparable."""
    step = {"name": "color_jitter", "p": 1.0, "brightness": 0.4, "contrast": 0.4}
    found = changed(np.repeat(GREY, channels, axis=2), **step)
    assert found.shape == (30, 40, channels)
    assert np.ptp(found, axis=2).max() == 0
    np.testing.assert_array_equal(found[..., :1], changed(GREY, **step))
    assert (found[..., :1] != GREY).mean() > 0.5


@pytest.mark.parametrize("name", ["gaussian_blur", "gaussian_noise"])
def test_blur_and_noise_take_any_number_of_channels(name: str) -> None:
    found = changed(np.repeat(GREY, 5, axis=2), name=name, p=1.0)
    assert found.shape == (30, 40, 5)
    assert (found != GREY).any()

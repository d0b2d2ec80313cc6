"""A rectangle of the given size and aspect ratio is erased, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hub.contract.sample import Sample
from hub.data.transforms import Transform
from hub.errors import OptionError

Scene = Callable[..., Sample]


@pytest.mark.parametrize("fill", [0.8, "mean", "noise"])
def test_a_rectangle_from_the_range_is_filled(fill: float | str, scene: Scene) -> None:
    sample = scene(height=100, width=80)
    sample.image = np.random.default_rng(0).integers(0, 100, sample.image.shape, np.uint8)
    erase = Transform.parse(
        [{"name": "random_erasing", "p": 1.0, "low": 0.05, "high": 0.2, "ratio": 2.0, "fill": fill}]
    )
    planes = sample.instances.masks.planes()  # type: ignore[union-attr]
    areas, ratios, filled = [], [], []
    for seed in range(200):
        new = erase(sample, seed)
        rows, columns = np.nonzero((new.image != sample.image).any(-1))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        areas.append(height * width / 8000)
        ratios.append(width / height)
        filled.append(new.image[rows, columns])
        assert new.maps is sample.maps
        assert new.instances is not None
        np.testing.assert_array_equal(new.instances.masks.planes(), planes)  # type: ignore[union-attr]
    assert 0.045 < min(areas) < 0.08 < 0.17 < max(areas) < 0.21
    assert 0.45 < min(ratios) < 0.6 < 1.7 < max(ratios) < 2.2
    values = np.concatenate(filled)
    if fill == "noise":
        assert np.bincount(values.ravel(), minlength=256).min() > 0
        assert values.mean() == pytest.approx(127.5, abs=2)
    else:
        expected = np.full(3, 204) if fill != "mean" else sample.image.mean((0, 1)).round()
        assert (values == expected).all()


def test_it_happens_with_the_probability(scene: Scene) -> None:
    sample = scene()
    erase = Transform.parse([{"name": "random_erasing", "p": 0.3}])
    changed = sum(not np.array_equal(erase(sample, seed).image, sample.image) for seed in range(300))
    assert 0.2 < changed / 300 < 0.4


def test_a_rectangle_that_never_fits_is_left_out(scene: Scene) -> None:
    sample = scene(count=0)
    thin = replace(sample, image=sample.image[:4], maps={})
    whole = Transform.parse([{"name": "random_erasing", "p": 1.0, "low": 0.9, "high": 1.0, "ratio": 1.0}])
    np.testing.assert_array_equal(whole(thin, 0).image, thin.image)


@pytest.mark.parametrize("fill", ["nois", 1.1])
def test_an_unknown_filling_is_refused(fill: float | str) -> None:
    with pytest.raises(OptionError, match="fill"):
        Transform.parse([{"name": "random_erasing", "fill": fill}])

"""Every transform changes int16 and float32 images like uint8 images, in units of their value range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hub.contract.sample import Sample
from hub.data.functional.pixel_values import from_unit, to_unit
from hub.data.transforms import Transform, transform_class, transform_names
from hub.errors import OptionError
from hub.pixel_format import PixelFormat

Scene = Callable[..., Sample]

BYTES_ONLY = {"rand_augment", "trivial_augment"}
NAMES = [name for name in transform_names() if name not in BYTES_ONLY | {"albumentations"}]
STATISTICAL = {"gaussian_noise", "random_erasing"}  # they draw other values for other dtypes
FORMATS = [
    PixelFormat("int16", (-1024.0, 3071.0)),
    PixelFormat("float32", (0.0, 65535.0)),
    PixelFormat("float32", (-2.0, 6.0)),
]


def as_format(sample: Sample, pixels: PixelFormat) -> Sample:
    return replace(sample, image=from_unit(sample.image / 255, pixels), value_range=pixels.value_range)


@pytest.mark.parametrize("pixels", FORMATS, ids=str)
@pytest.mark.parametrize("channels", [1, 3, 6])
@pytest.mark.parametrize("name", NAMES)
def test_the_same_is_done_to_every_dtype(name: str, channels: int, pixels: PixelFormat, scene: Scene) -> None:
    chance = {"p": 1.0} if "p" in transform_class(name).model_fields else {}
    transform = Transform.parse([{"name": name, **chance}])
    scenes = [replace(scene(n, channels=channels), maps={}) for n in (0, 1)]
    deep = [as_format(one, pixels) for one in scenes]
    for seed in range(3):
        expected = transform(scenes[0], seed, lambda rng: scenes[1])
        new = transform(deep[0], seed, lambda rng: deep[1])
        assert new.image.dtype == pixels.dtype
        assert new.value_range == pixels.value_range
        assert new.image.shape == expected.image.shape
        np.testing.assert_array_equal(new.instances.boxes, expected.instances.boxes)  # type: ignore[union-attr]
        found = to_unit(new.image, pixels) * 255
        if name in STATISTICAL:
            assert found.std() == pytest.approx(expected.image.std(), rel=0.4)
        else:
            assert np.abs(found - expected.image).max() < 4, "interpolation and color of bytes are rounded"


@pytest.mark.parametrize("name", sorted(BYTES_ONLY))
def test_transforms_that_take_only_uint8_report_it(name: str, scene: Scene) -> None:
    with pytest.raises(OptionError, match=r"takes uint8 images .* is float32"):
        Transform.parse([{"name": name}])(as_format(scene(0), FORMATS[1]), 0)


def test_geometric_transforms_keep_twelve_bits(scene: Scene) -> None:
    values = np.random.default_rng(0).integers(-1024, 3072, (40, 60, 5), dtype=np.int16)
    sample = replace(scene(0), image=values, value_range=(-1024.0, 3071.0))
    flipped = Transform.parse([{"name": "horizontal_flip", "p": 1}])(sample, 0)
    np.testing.assert_array_equal(flipped.image, values[:, ::-1])
    turned = Transform.parse([{"name": "affine", "rotate": 0, "translate": 0.2, "fill": 0}])(sample, 1)
    assert turned.image.min() == -1024, "the fill is the lower end of the range"
    assert turned.image.max() > 2900


@pytest.mark.parametrize("pixels", [PixelFormat(), *FORMATS], ids=str)
def test_units_and_pixels_are_inverse(pixels: PixelFormat) -> None:
    values = np.linspace(*pixels.value_range, 50).astype(pixels.dtype)
    back = from_unit(to_unit(values, pixels), pixels)
    assert back.dtype == pixels.dtype
    np.testing.assert_allclose(back, values, atol=pixels.span * 1e-6)

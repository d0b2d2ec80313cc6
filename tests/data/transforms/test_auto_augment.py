"""The operations match torchvision's, and are sampled as in the papers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.transforms import RandAugment, TrivialAugmentWide
from torchvision.transforms import functional as oracle

from hub.contract.sample import Sample
from hub.data.transforms import Transform, auto_augment
from hub.data.transforms.operations import OPERATIONS, Operation
from hub.errors import OptionError

Scene = Callable[..., Sample]
COLOURS = {
    "brightness": lambda image, a: oracle.adjust_brightness(image, 1 + a),
    "color": lambda image, a: oracle.adjust_saturation(image, 1 + a),
    "contrast": lambda image, a: oracle.adjust_contrast(image, 1 + a),
    "sharpness": lambda image, a: oracle.adjust_sharpness(image, 1 + a),
    "posterize": lambda image, a: oracle.posterize(image, 8 - round(a)),
    "solarize": lambda image, a: oracle.solarize(image, min(255.0, 256 * (1 - a))),
    "autocontrast": lambda image, a: oracle.autocontrast(image),
    "equalize": lambda image, a: oracle.equalize(image),
}
NAMES = {"ShearX": "shear_x", "ShearY": "shear_y", "TranslateX": "translate_x", "TranslateY": "translate_y",
         "AutoContrast": "autocontrast", "Color": "color"}  # fmt: skip


@pytest.fixture
def picture(scene: Scene) -> Sample:
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(40), np.arange(60))[..., None] + rng.integers(20, 90, (40, 60, 3))
    return replace(scene(count=0), image=smooth.astype(np.uint8), maps={})


@pytest.mark.parametrize(
    ("name", "part"), [(n, p) for n in COLOURS for p in (-1.0, -0.4, 0.0, 0.3, 1.0) if p >= 0 or OPERATIONS[n].signed]
)
def test_colours_are_torchvisions(name: str, part: float, picture: Sample) -> None:
    operation = OPERATIONS[name]
    amount = part * operation.rand_most
    expected = COLOURS[name](torch.from_numpy(picture.image).permute(2, 0, 1), amount).permute(1, 2, 0).numpy()
    found = operation.change(picture, amount, 128).image
    np.testing.assert_allclose(found.astype(int), expected.astype(int), atol=1)  # they round differently


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - {"autocontrast", "equalize"}))  # they have no amount
@pytest.mark.parametrize("channels", [1, 3])
def test_amount_0_changes_nothing(name: str, channels: int, picture: Sample) -> None:
    sample = replace(picture, image=picture.image[..., :channels])
    np.testing.assert_array_equal(OPERATIONS[name].change(sample, 0.0, 128).image, sample.image)


def test_ranges_are_torchvisions() -> None:
    """At the highest magnitude, from its tables; its shifts are in pixels of an image of 224."""
    tables = {
        "rand_most": RandAugment()._augmentation_space(31, (224, 224)),
        "trivial_most": TrivialAugmentWide()._augmentation_space(31),
    }
    for attribute, table in tables.items():
        assert len(table) == len(OPERATIONS)
        for theirs, (magnitudes, signed) in table.items():
            name = NAMES.get(theirs, theirs.lower())
            most = float(magnitudes[-1]) if magnitudes.ndim else 0.0
            expected = {"posterize": 8 - most, "solarize": 1 - most / 255}.get(name, most)
            expected = most / 224 if name.startswith("translate") else expected
            assert getattr(OPERATIONS[name], attribute) == pytest.approx(expected)
            assert OPERATIONS[name].signed == signed


def spy(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    seen: list[tuple[str, float]] = []

    def watched(name: str, operation: Operation) -> Operation:
        def change(sample: Sample, amount: float, fill: int) -> Sample:
            seen.append((name, amount))
            return sample

        return replace(operation, change=change)

    monkeypatch.setattr(auto_augment, "OPERATIONS", {n: watched(n, operation) for n, operation in OPERATIONS.items()})
    return seen


def test_rand_augment_takes_so_many_at_one_strength(picture: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = spy(monkeypatch)
    transform = Transform.parse([{"name": "rand_augment", "count": 3, "magnitude": 15}])
    for seed in range(200):
        transform(picture, seed)
    assert len(seen) == 600
    assert min(Counter(name for name, _ in seen).values()) > 600 / 14 / 2
    assert len(Counter(name for name, _ in seen)) == 14
    for name, amount in seen:
        assert abs(amount) == pytest.approx(OPERATIONS[name].rand_most / 2)
    below = [amount < 0 for name, amount in seen if OPERATIONS[name].signed]
    assert 0.4 < np.mean(below) < 0.6


def test_trivial_augment_takes_one_at_any_strength(picture: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = spy(monkeypatch)
    transform = Transform.parse([{"name": "trivial_augment"}])
    for seed in range(600):
        transform(picture, seed)
    assert len(seen) == 600
    assert len(Counter(name for name, _ in seen)) == 14
    strengths = [abs(amount) / OPERATIONS[name].trivial_most for name, amount in seen if OPERATIONS[name].trivial_most]
    assert min(strengths) == 0
    assert max(strengths) == 1
    assert np.mean(strengths) == pytest.approx(0.5, abs=0.05)
    assert len(np.unique(np.round(strengths, 6))) == 31


@pytest.mark.parametrize("name", ["rand_augment", "trivial_augment"])
def test_images_of_other_channels_are_refused(name: str, picture: Sample) -> None:
    wide = replace(picture, image=np.zeros((32, 32, 5), np.uint8), instances=None, maps={})
    with pytest.raises(OptionError, match="has 5"):
        Transform.parse([{"name": name}])(wide, 0)

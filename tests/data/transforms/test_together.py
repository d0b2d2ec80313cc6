"""After any transform, pixels, masks, boxes, keypoints and maps agree on the objects."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contract.sample import Sample
from hub.data.transforms import Transform, transform_class, transform_names
from hub.data.transforms.mixing import MixingStep

Scene, Check, Draw = Callable[..., Sample], Callable[..., None], Callable[[np.random.Generator], Sample]

NAMES = [name for name in transform_names() if name != "albumentations"]  # which has tests of its own
EXACT = {  # no pixel is interpolated, no object is too small to stay
    "horizontal_flip": {"p": 1.0},
    "vertical_flip": {"p": 1.0},
    "crop": {"p": 1.0, "min_visibility": 0.0},
    "mosaic": {"size": [80, 120], "min_visibility": 0.0},  # half of it is the scenes' own size
    "copy_paste": {"min_visibility": 0.0},
    "cutmix": {"min_visibility": 0.0},
}
INTERPOLATED = {
    "resize": {"shortest": [30, 50, 64]},
    "scale_jitter": {"low": 0.6, "high": 2.0, "size": [50, 50], "fill": 0},
    "random_resized_crop": {"size": [48, 48], "low": 0.3},
    "affine": {"rotate": 180, "shear": 20, "translate": 0.2, "low": 0.7, "high": 1.5},
    "mosaic": {"size": [60, 130]},
}
RECOLORED = {"rand_augment": {"count": 3, "magnitude": 20}, "trivial_augment": {}}
CHAINS = {
    "yolo": [
        {"name": "horizontal_flip"},
        {"name": "mosaic", "size": [80, 120]},
        {"name": "affine", "rotate": 0, "translate": 0.1, "low": 0.6, "high": 1.4},
        {"name": "copy_paste"},
    ],
    "lsj": [
        {"name": "horizontal_flip"},
        {"name": "scale_jitter", "low": 0.5, "high": 2.0, "size": [48, 48]},
        {"name": "copy_paste"},
        {"name": "cutmix", "p": 0.5},
    ],
}


@pytest.mark.parametrize("name", EXACT)
@given(number=st.integers(0, 3), seed=st.integers(0, 2**63 - 1), crowds=st.booleans(), apart=st.booleans())
@settings(max_examples=25, deadline=None)
def test_to_the_pixel(
    name: str, number: int, seed: int, crowds: bool, apart: bool, scene: Scene, check: Check, draw: Draw
) -> None:
    sample = scene(number, crowds=crowds, apart=apart)
    check(sample)
    check(Transform.parse([{"name": name, **EXACT[name]}])(sample, seed, draw))


@pytest.mark.parametrize("name", INTERPOLATED)
@given(number=st.integers(0, 3), seed=st.integers(0, 2**63 - 1))
@settings(max_examples=25, deadline=None)
def test_but_for_interpolated_borders(
    name: str, number: int, seed: int, scene: Scene, check: Check, draw: Draw
) -> None:
    transform = Transform.parse([{"name": name, **INTERPOLATED[name]}])
    check(transform(scene(number), seed, draw), exact=False)


@pytest.mark.parametrize("name", RECOLORED)
@given(number=st.integers(0, 3), seed=st.integers(0, 2**63 - 1))
@settings(max_examples=25, deadline=None)
def test_but_for_colours(name: str, number: int, seed: int, scene: Scene, check: Check) -> None:
    transform = Transform.parse([{"name": name, **RECOLORED[name]}])
    check(transform(scene(number), seed), exact=False, colours=False)


@pytest.mark.parametrize("name", CHAINS)
@given(number=st.integers(0, 3), seed=st.integers(0, 2**63 - 1))
@settings(max_examples=20, deadline=None)
def test_in_a_row(name: str, number: int, seed: int, scene: Scene, check: Check, draw: Draw) -> None:
    check(Transform.parse(CHAINS[name])(scene(number), seed, draw), exact=False)


def same(one: Any, other: Any) -> bool:
    """Equal arrays, mappings and samples; where both are NaN, too."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "__dataclass_fields__"):
        return same(vars(one), vars(other))
    return bool(one == other)


@pytest.mark.parametrize("name", NAMES)
def test_the_result_depends_only_on_sample_and_seed_and_no_input_changes(name: str, scene: Scene) -> None:
    transform = Transform.parse([{"name": name}])
    scenes = [scene(number) for number in range(8)]
    if name == "mixup":
        scenes = [replace(one, maps={}) for one in scenes]
    before = pickle.dumps(scenes)

    def draw(rng: np.random.Generator) -> Sample:
        return scenes[int(rng.integers(1, 8))]

    first = [transform(scenes[0], seed, draw) for seed in range(6)]
    again = pickle.loads(pickle.dumps(transform))
    for seed in (4, 1, 1, 5, 0):
        assert same(again(scenes[0], seed, draw), first[seed])
    assert pickle.dumps(scenes) == before
    assert len({one.image.tobytes() for one in first}) > 1 or name == "resize"


@pytest.mark.parametrize("name", [name for name in NAMES if issubclass(transform_class(name), MixingStep)])
@pytest.mark.parametrize("channels", [1, 3])
def test_mixing_takes_grey_images_and_ones_without_objects(name: str, channels: int, scene: Scene) -> None:
    transform = Transform.parse([{"name": name}])
    for count in (0, 3):
        one, other = (replace(scene(n, count=c, channels=channels), maps={}) for n, c in ((1, count), (2, 3 - count)))
        mixed = [transform(one, seed, lambda rng, other=other: other) for seed in range(5)]
        assert {new.image.shape[2] for new in mixed} == {channels}
        found = {int(label) for new in mixed if new.instances is not None for label in new.instances.labels}
        known = [int(label) for each in (one, other) if each.instances is not None for label in each.instances.labels]
        assert found == set(known)

"""Transforms that mix images: their other samples, and the mixed tags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contract.sample import Sample
from hub.data.loading.collate import collate
from hub.data.transforms import Transform
from hub.errors import OptionError

Scene, Draw = Callable[..., Sample], Callable[[np.random.Generator], Sample]


def plain(scene: Scene, value: int, *, height: int = 40, width: int = 60, tag: int = 0) -> Sample:
    """An image of one value, with a class and a number for each of two classes."""
    sample = scene(count=0, height=height, width=width)
    tags = {"class": np.array(tag), "labels": np.array([1 - tag, np.nan], np.float32)}
    return replace(sample, image=np.full_like(sample.image, value), instances=None, maps={}, tags=tags)


@pytest.mark.parametrize("name", ["mosaic", "copy_paste", "mixup", "cutmix"])
@pytest.mark.parametrize("p", [0.0, 1.0])
def test_without_a_dataset_there_is_nothing_to_mix_with(name: str, p: float, scene: Scene) -> None:
    with pytest.raises(OptionError, match="mixes several images"):
        Transform.parse([{"name": name, "p": p}])(replace(scene(), maps={}), 0)


@pytest.mark.parametrize("p", [0.0, 1.0])
@pytest.mark.parametrize(
    ("name", "without", "message"),
    [
        ("mixup", {}, "cannot blend the map 'semantic'"),
        ("mosaic", {"tags": {"class": np.array(1)}}, "the tag 'class'"),
        ("copy_paste", {"tags": {"class": np.array(1)}}, "the tag 'class'"),
        ("copy_paste", {"instances": None}, "needs the masks"),
    ],
)
def test_unmixable_annotations_are_refused_for_any_probability(
    name: str, p: float, without: dict[str, Any], message: str, scene: Scene, draw: Draw
) -> None:
    with pytest.raises(OptionError, match=message):
        Transform.parse([{"name": name, "p": p}])(replace(scene(), **without), 0, draw)


def test_copy_paste_refuses_objects_without_masks(scene: Scene, draw: Draw) -> None:
    sample = scene()
    assert sample.instances is not None
    sample.instances.masks = None
    with pytest.raises(OptionError, match="needs the masks"):
        Transform.parse([{"name": "copy_paste"}])(sample, 0, draw)


@given(seed=st.integers(0, 2**63 - 1), height=st.integers(20, 60), width=st.integers(20, 60))
@settings(max_examples=25, deadline=None)
def test_cutmix_shares_the_tags_as_it_shares_the_pixels(seed: int, height: int, width: int, scene: Scene) -> None:
    own, other = plain(scene, 0, tag=1), plain(scene, 255, height=height, width=width, tag=5)
    mixed = Transform.parse([{"name": "cutmix"}])(own, seed, lambda rng: other)
    assert mixed.image.shape == own.image.shape
    for name in ("class", "labels"):
        np.testing.assert_array_equal(mixed.tags[name], own.tags[name])
        np.testing.assert_array_equal(mixed.tags[f"{name}:other"], other.tags[name])
        assert mixed.tags[f"{name}:share"] == np.float32((mixed.image[..., 0] == 0).mean())
    rows, columns = np.nonzero(mixed.image[..., 0])
    if len(rows):
        window = mixed.image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (window == 255).all()


def test_cutmix_fractions_follow_beta_except_for_windows_cut_at_the_border(scene: Scene) -> None:
    own, other = plain(scene, 0), plain(scene, 255)
    cutmix = Transform.parse([{"name": "cutmix", "alpha": 1.0}])
    shares = [float(cutmix(own, seed, lambda rng: other).tags["class:share"]) for seed in range(300)]
    # Of a window with sides √a lies, in the mean, (1 − √a/4)² of its area inside; a is even on [0, 1].
    a = (np.arange(1000) + 0.5) / 1000
    assert np.mean(shares) == pytest.approx(1 - np.mean(a * (1 - np.sqrt(a) / 4) ** 2), abs=0.04)


@given(seed=st.integers(0, 2**63 - 1))
@settings(max_examples=30, deadline=None)
def test_mixup_shares_the_tags_as_it_blends_the_pixels(seed: int, scene: Scene) -> None:
    own, other = plain(scene, 0, tag=1), plain(scene, 250, height=33, width=71, tag=5)
    mixed = Transform.parse([{"name": "mixup"}])(own, seed, lambda rng: other)
    assert mixed.image.shape == own.image.shape
    assert mixed.tags["class"] == 1
    assert mixed.tags["class:other"] == 5
    np.testing.assert_allclose(mixed.image, 250 * (1 - float(mixed.tags["class:share"])), atol=0.51)


def test_mixup_draws_its_share_from_beta(scene: Scene) -> None:
    own, other = plain(scene, 0), plain(scene, 255)

    def shares(alpha: float) -> np.ndarray:
        mixup = Transform.parse([{"name": "mixup", "alpha": alpha}])
        return np.array([float(mixup(own, seed, lambda rng: other).tags["class:share"]) for seed in range(300)])

    for alpha in (0.2, 1.0, 8.0):
        assert shares(alpha).mean() == pytest.approx(0.5, abs=0.08)
        assert shares(alpha).var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.25)  # Beta's


def test_mixup_of_objects_blends_on_a_canvas_that_holds_both(scene: Scene) -> None:
    own, other = (replace(one, maps={}) for one in (scene(1), scene(2, height=60, width=50)))
    mixed = Transform.parse([{"name": "mixup"}])(own, 3, lambda rng: other)
    assert mixed.image.shape == (60, 60, 3)
    assert mixed.instances is not None
    assert own.instances is not None
    assert other.instances is not None
    for name in ("boxes", "labels", "crowd", "keypoints"):
        both = [getattr(own.instances, name), getattr(other.instances, name)]
        np.testing.assert_array_equal(getattr(mixed.instances, name), np.concatenate(both))
    count = len(own.instances)
    np.testing.assert_array_equal(mixed.instances.masks[:count].planes()[:, :40, :60], own.instances.masks.planes())
    np.testing.assert_array_equal(mixed.instances.masks[count:].planes()[:, :60, :50], other.instances.masks.planes())
    one, two = (np.zeros((60, 60, 3)) for _ in range(2))
    one[:40], two[:, :50] = own.image, other.image
    shares = np.linspace(0, 1, 10001)
    worst = [np.abs(mixed.image - (share * one + (1 - share) * two)).max() for share in shares]
    assert min(worst) <= 0.51


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_mixed_and_unmixed_samples_fit_into_one_batch(name: str, scene: Scene) -> None:
    own, other = plain(scene, 0, tag=1), plain(scene, 255, tag=5)
    sometimes = Transform.parse([{"name": name, "p": 0.5}])
    batch = collate([sometimes(own, seed, lambda rng: other) for seed in range(20)])
    shares = batch.tags["class:share"]
    assert shares.shape == (20,)
    whole = shares == 1
    assert 4 < int(whole.sum()) < 16
    assert (batch.tags["class:other"][whole] == 1).all()
    assert (batch.tags["class:other"][~whole] == 5).all()
    assert batch.tags["labels:other"].shape == (20, 2)


def test_cutmix_after_mixup_mixes_only_what_is_not_mixed(scene: Scene) -> None:
    own, other = plain(scene, 0), plain(scene, 200)
    both = Transform.parse([{"name": "mixup", "p": 0.5}, {"name": "cutmix"}])
    blended = cut = 0
    for seed in range(60):
        new = both(own, seed, lambda rng: other)
        values = np.unique(new.image)
        share = float(new.tags["class:share"])
        assert np.mean(200 - new.image.astype(float)) / 200 == pytest.approx(share, abs=0.003)
        blended += len(values) == 1 and 0 < values[0] < 200
        cut += set(values.tolist()) == {0, 200}
    assert blended + cut > 50
    assert min(blended, cut) > 15


def test_partners_go_through_the_steps_before_but_not_through_other_mixtures(scene: Scene) -> None:
    drawn = []

    def draw(rng: np.random.Generator) -> Sample:
        drawn.append(1)
        sample = plain(scene, 0)
        sample.image[:, 0] = 200  # the left edge
        return replace(sample, tags={})

    steps = [
        {"name": "horizontal_flip", "p": 1.0},
        {"name": "mosaic", "size": [80, 120], "fill": 7 / 255},
        {"name": "mixup"},
    ]
    mosaic = Transform.parse(steps[:2])(draw(np.random.default_rng()), 5, draw)
    right_edges = (mosaic.image[..., 0] == 200).any(0)
    assert right_edges.sum() in (1, 2)  # the right edges of the left images and of the right ones
    assert not right_edges[0]
    drawn.clear()
    mixed = Transform.parse(steps)(draw(np.random.default_rng()), 5, draw)
    assert len(drawn) == 1 + 3 + 1
    assert mixed.image.shape[:2] == (80, 120)

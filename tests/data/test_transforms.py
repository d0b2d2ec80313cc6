"""Transforms move an image and its annotations together, and depend only on the sample and the seed."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contract.instance_masks import InstanceMasks
from hub.contract.sample import Instances, Sample
from hub.data.functional.geometry import crop, mirror, mirrored_order, pad, resize
from hub.data.transforms import Transform, transform_class, transform_names
from hub.data.transforms.mixing import MixingStep
from hub.errors import ConfigError, OptionError
from hub.images import ResizeRule, resize_image

ALONE = [n for n in transform_names() if n != "albumentations" and not issubclass(transform_class(n), MixingStep)]
EVERYTHING = [
    {"name": "scale_jitter", "low": 0.5, "high": 1.5, "size": [72, 88]},
    {"name": "crop", "p": 1.0},
    {"name": "horizontal_flip"},
    {"name": "vertical_flip"},
    {"name": "resize", "shortest": [40, 50, 60], "longest": 100},
    {"name": "color_jitter", "p": 1.0},
    {"name": "gaussian_blur", "p": 1.0},
    {"name": "gaussian_noise", "p": 1.0},
]


def make_sample(seed: int = 0, height: int = 60, width: int = 80, count: int = 5, channels: int = 3) -> Sample:
    """Rectangles whose boxes are tight around their masks, each with its corners as keypoints."""
    rng = np.random.default_rng(seed)
    corner = np.stack([rng.integers(0, width - 12, count), rng.integers(0, height - 12, count)], 1)
    boxes = np.concatenate([corner, corner + rng.integers(4, 12, (count, 2))], 1).astype(np.float32)
    masks = np.zeros((count, height, width), np.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.astype(int), strict=True):
        mask[y1:y2, x1:x2] = 1
    points = boxes.reshape(count, 2, 2)
    keypoints = np.concatenate([points, np.full((count, 2, 1), 2, np.float32)], -1)
    classes = masks.max(0, initial=0)
    return Sample(
        image=rng.integers(0, 256, (height, width, channels), np.uint8),
        id=seed,
        path=Path("made.png"),
        original_size=(height, width),
        instances=Instances(
            boxes, np.arange(count), np.arange(count) % 2 == 1, InstanceMasks.from_planes(masks), keypoints
        ),
        maps={"semantic": classes, "depth": classes.astype(np.float32)},
    )


def arrays(sample: Sample) -> dict[str, np.ndarray]:
    found = {"image": sample.image, **sample.maps}
    if sample.instances is not None:
        found |= {name: value for name, value in vars(sample.instances).items() if isinstance(value, np.ndarray)}
        if sample.instances.masks is not None:
            found["masks"] = sample.instances.masks.planes()
    return found


def assert_same(one: Sample, other: Sample, atol: float = 0) -> None:
    assert arrays(one).keys() == arrays(other).keys()
    for name, value in arrays(one).items():
        assert value.dtype == arrays(other)[name].dtype, name
        np.testing.assert_allclose(value, arrays(other)[name], rtol=0, atol=atol, err_msg=name)


def tight(mask: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(mask)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def instances_of(sample: Sample) -> Any:
    assert sample.instances is not None
    return sample.instances


@given(seed=st.integers(0, 99), vertical=st.booleans(), height=st.integers(16, 40), width=st.integers(16, 40))
@settings(max_examples=30, deadline=None)
def test_mirror_twice_is_the_identity(seed: int, vertical: bool, height: int, width: int) -> None:
    sample = make_sample(seed, height, width)
    order = np.array([1, 0])
    once = mirror(sample, vertical=vertical, keypoint_order=order)
    assert_same(mirror(once, vertical=vertical, keypoint_order=order), sample)
    assert not np.array_equal(once.image, sample.image)


@given(seed=st.integers(0, 99), vertical=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_mirrored_box_is_tight_around_its_mirrored_mask(seed: int, vertical: bool) -> None:
    new = instances_of(mirror(make_sample(seed), vertical=vertical))
    assert [tight(mask) for mask in new.masks.planes()] == new.boxes.astype(int).tolist()


@pytest.mark.parametrize(("vertical", "code"), [(False, 1), (True, 0)])
def test_mirror_agrees_with_opencv(vertical: bool, code: int) -> None:
    sample = make_sample()
    new = mirror(sample, vertical=vertical)
    np.testing.assert_array_equal(new.image, cv2.flip(sample.image, code))
    np.testing.assert_array_equal(new.maps["semantic"], cv2.flip(sample.maps["semantic"], code))


def test_mirror_swaps_left_and_right_keypoints() -> None:
    names = ["nose", "left_eye", "right_eye", "left_ear"]  # a left one without its right stays
    order = mirrored_order(names)
    assert order is not None
    assert order.tolist() == [0, 2, 1, 3]
    assert mirrored_order(["nose", "tail"]) is None
    sample = make_sample(count=1)
    instances_of(sample).keypoints = np.array([[[10, 5, 2], [12, 4, 2], [8, 4, 1], [6, 6, 2]]], np.float32)
    flipped = Transform.parse([{"name": "horizontal_flip", "p": 1.0}]).for_keypoints(names)(sample, 0)
    expected = [[70, 5, 2], [72, 4, 1], [68, 4, 2], [74, 6, 2]]  # width 80
    assert instances_of(flipped).keypoints[0].tolist() == expected


@given(seed=st.integers(0, 99), factor=st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_boxes_stay_tight_around_masks_that_grow_by_whole_factors(seed: int, factor: int) -> None:
    sample = make_sample(seed)
    new = instances_of(resize(sample, (60 * factor, 80 * factor)))
    assert [tight(mask) for mask in new.masks.planes()] == new.boxes.astype(int).tolist()
    np.testing.assert_array_equal(
        new.masks.planes(), instances_of(sample).masks.planes().repeat(factor, 1).repeat(factor, 2)
    )


@given(seed=st.integers(0, 99), height=st.integers(24, 150), width=st.integers(32, 200))
@settings(max_examples=30, deadline=None)
def test_boxes_stay_within_a_pixel_of_resized_masks(seed: int, height: int, width: int) -> None:
    new = instances_of(resize(make_sample(seed), (height, width)))
    for mask, box in zip(new.masks.planes(), new.boxes, strict=True):
        np.testing.assert_allclose(tight(mask), box, atol=1)


def test_resize_takes_the_pixel_at_the_centre() -> None:
    sample = make_sample()
    values = np.arange(60 * 80, dtype=np.int32).reshape(60, 80)
    sample.maps = {"classes": values}
    new = resize(sample, (31, 47)).maps["classes"]
    rows = ((np.arange(31) + 0.5) * 60 / 31).astype(int)
    columns = ((np.arange(47) + 0.5) * 80 / 47).astype(int)
    np.testing.assert_array_equal(new, values[np.ix_(rows, columns)])


def test_training_resizes_as_prediction_does() -> None:
    sample, rule = make_sample(height=50, width=90), ResizeRule(shortest=64, longest=100)
    new = Transform.resize(rule)(sample, 0)
    np.testing.assert_array_equal(new.image, resize_image(sample.image, rule.size(50, 90)))
    assert new.original_size == (50, 90)


def test_resize_chooses_among_several_sides() -> None:
    transform = Transform.parse([{"name": "resize", "shortest": [20, 30, 40], "longest": 100}])
    assert {transform(make_sample(), seed).image.shape[0] for seed in range(30)} == {20, 30, 40}


@given(seed=st.integers(0, 99), top=st.integers(0, 30), left=st.integers(0, 40))
@settings(max_examples=50, deadline=None)
def test_crop_keeps_what_remains_and_drops_what_vanishes(seed: int, top: int, left: int) -> None:
    sample = make_sample(seed)
    new = crop(sample, top, left, (25, 35))
    objects, old = instances_of(new), instances_of(sample)
    np.testing.assert_array_equal(new.image, sample.image[top : top + 25, left : left + 35])
    pixels = old.masks.planes()[:, top : top + 25, left : left + 35]
    remaining = pixels.any((1, 2))
    assert objects.labels.tolist() == old.labels[remaining].tolist()
    assert objects.crowd.tolist() == old.crowd[remaining].tolist()
    np.testing.assert_array_equal(objects.masks.planes(), pixels[remaining])
    assert [tight(mask) for mask in objects.masks.planes()] == objects.boxes.astype(int).tolist()
    np.testing.assert_array_equal(new.maps["semantic"], sample.maps["semantic"][top : top + 25, left : left + 35])
    moved = old.keypoints[remaining][..., :2] - [left, top]
    inside = ((moved >= 0) & (moved <= [35, 25])).all(-1)
    np.testing.assert_array_equal(objects.keypoints[..., 2], np.where(inside, 2, 0))
    np.testing.assert_array_equal(objects.keypoints[inside][:, :2], moved[inside])


def test_crop_tightens_the_box_around_the_rest_of_a_mask() -> None:
    sample = make_sample(count=1, height=20, width=20)
    mask = np.zeros((1, 20, 20), np.uint8)
    mask[0, 0:10, 8:10] = 1  # an L: its foot goes left
    mask[0, 8:10, 0:10] = 1
    objects = instances_of(sample)
    objects.masks, objects.boxes = InstanceMasks.from_planes(mask), np.array([[0, 0, 10, 10]], np.float32)
    assert instances_of(crop(sample, 0, 0, (8, 20))).boxes.tolist() == [[8, 0, 10, 8]]
    objects.masks = None  # without a mask nobody can know
    assert instances_of(crop(sample, 0, 0, (8, 20))).boxes.tolist() == [[0, 0, 10, 8]]


def test_crop_drops_an_object_of_which_too_little_is_visible() -> None:
    sample = make_sample(count=1)
    objects = instances_of(sample)
    objects.boxes, objects.masks = np.array([[10, 10, 20, 20]], np.float32), None
    for left, kept in ((16, 1), (17, 0)):  # 40 % and 30 % of the box are left
        assert len(instances_of(crop(sample, 0, left, (60, 40), min_visibility=0.4))) == kept


def test_padding_is_marked_in_every_map() -> None:
    new = pad(make_sample(), (70, 100), fill=7)
    assert (new.image[60:] == 7).all()
    assert (new.image[:, 80:] == 7).all()
    assert (new.maps["semantic"][60:] == 255).all()
    assert np.isnan(new.maps["depth"][:, 80:]).all()
    assert not instances_of(new).masks.planes()[:, 60:].any()
    np.testing.assert_array_equal(instances_of(new).boxes, instances_of(make_sample()).boxes)


@pytest.mark.parametrize("seed", range(8))
def test_scale_jitter_gives_its_size_whatever_the_scale(seed: int) -> None:
    jitter = Transform.parse([{"name": "scale_jitter", "size": [48, 64]}])
    new = jitter(make_sample(), seed)
    assert new.image.shape == (48, 64, 3)
    assert new.maps["semantic"].shape == (48, 64)
    assert instances_of(new).masks.size == (48, 64)


def test_scale_jitter_covers_its_range() -> None:
    jitter = Transform.parse([{"name": "scale_jitter", "low": 0.25, "high": 2.0, "size": [60, 80], "fill": 0}])
    sample = make_sample(count=1)
    sample.image[:] = 255
    filled = [float((jitter(sample, seed).image[:, :, 0] > 0).mean()) for seed in range(60)]
    assert min(filled) < 0.2  # a scale s below 1 fills s² of the area
    assert sum(f == 1 for f in filled) > 20


def test_random_resized_crop_cuts_shapes_and_areas_from_its_range() -> None:
    rows, columns = np.mgrid[0:200, 0:240].astype(np.float32)
    sample = make_sample(height=200, width=240)
    sample.maps = {"row": rows, "column": columns}
    transform = Transform.parse(
        [{"name": "random_resized_crop", "low": 0.2, "high": 0.6, "ratio": 1.5, "size": [50, 60]}]
    )
    areas, shapes = [], []
    for seed in range(300):
        new = transform(sample, seed)
        assert new.image.shape == (50, 60, 3)
        # The nearest pixels of a window of h rows lie within h − h/50 of each other, about.
        height, width = np.ptp(new.maps["row"]) * 50 / 49, np.ptp(new.maps["column"]) * 60 / 59
        areas.append(height * width / (200 * 240))
        shapes.append(width / height)
    assert 0.18 < min(areas) < 0.23 < 0.55 < max(areas) < 0.63
    assert 0.63 < min(shapes) < 0.72 < 1.4 < max(shapes) < 1.58
    assert abs(np.mean(np.log(shapes))) < 0.06


def test_random_resized_crop_takes_the_middle_where_nothing_fits() -> None:
    sample = make_sample(height=20, width=200)
    sample.maps = {"column": np.broadcast_to(np.arange(200, dtype=np.float32), (20, 200)).copy()}
    transform = Transform.parse([{"name": "random_resized_crop", "low": 1.0, "ratio": 2.0, "size": [20, 40]}])
    columns = transform(sample, 0).maps["column"]
    assert (columns.min(), columns.max()) == (80, 119)


def test_an_object_that_shrinks_below_a_pixel_is_removed() -> None:
    sample = make_sample(count=2)
    objects = instances_of(sample)
    objects.boxes = np.array([[10, 10, 13, 40], [10, 10, 20, 40]], np.float32)
    new = instances_of(Transform.parse([{"name": "resize", "shortest": 15}])(sample, 0))  # a quarter
    assert new.labels.tolist() == [1]
    assert len(new.masks) == len(new.keypoints) == 1


@given(seed=st.integers(0, 2**63 - 1))
@settings(max_examples=25, deadline=None)
def test_all_transforms_together_keep_everything_together(seed: int) -> None:
    sample = make_sample(seed % 1000)
    new = Transform.parse(EVERYTHING)(sample, seed)
    height, width = new.image.shape[:2]
    objects = instances_of(new)
    assert new.image.dtype == np.uint8
    assert (objects.boxes >= 0).all()
    assert (objects.boxes <= [width, height, width, height]).all()
    assert (objects.boxes[:, 2:] - objects.boxes[:, :2] >= 1).all()
    lengths = {len(v) for v in (objects.labels, objects.crowd, objects.masks, objects.keypoints)}
    assert lengths == {len(objects)}
    assert objects.masks.size == new.maps["semantic"].shape == new.maps["depth"].shape == (height, width)
    assert set(np.unique(new.maps["semantic"])) <= {0, 1, 255}
    for mask, box in zip(objects.masks.planes(), objects.boxes, strict=True):
        if mask.any():
            np.testing.assert_allclose(tight(mask), box, atol=1.5)


def test_the_result_depends_only_on_sample_and_seed() -> None:
    sample, before = make_sample(), pickle.loads(pickle.dumps(make_sample()))
    first = Transform.parse(EVERYTHING)
    expected = [first(sample, seed) for seed in range(6)]
    assert_same(sample, before)  # it was not changed in place
    again = pickle.loads(pickle.dumps(first))
    np.random.seed(99)
    random.seed(99)
    for seed in (4, 1, 1, 5):  # another order, other global generators, another process's copy
        assert_same(again(sample, seed), expected[seed])
    assert len({new.image.tobytes() for new in expected}) == 6


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_transform_takes_gray_and_color_images_without_objects(name: str, channels: int) -> None:
    chance = {"p": 1.0} if "p" in transform_class(name).model_fields else {}
    sample = make_sample(count=0, channels=channels)
    transform = Transform.parse([{"name": name, **chance}])
    several = [transform(sample, seed) for seed in range(4)]
    assert all(new.image.shape[2] == channels and len(instances_of(new)) == 0 for new in several)
    assert any(not np.array_equal(new.image, sample.image) for new in several)
    sample.instances = None
    assert transform(sample, 0).instances is None


def test_adding_a_step_does_not_change_what_the_steps_before_draw() -> None:
    sample = make_sample()
    flips = [{"name": "horizontal_flip"}, {"name": "vertical_flip"}]
    more = [*flips, {"name": "gaussian_noise", "p": 0.0}]
    for seed in range(8):
        assert_same(Transform.parse(flips)(sample, seed), Transform.parse(more)(sample, seed))


@pytest.mark.parametrize(
    ("declared", "error", "message"),
    [
        ({"name": "color_jiter"}, ConfigError, "unknown transform 'color_jiter'. Did you mean color_jitter"),
        ({"p": 0.5}, ConfigError, "has no name"),
        ("horizontal_flip", ConfigError, "has no name"),
        ({"name": "resize", "shortes": 3}, OptionError, "'shortes'. Did you mean shortest"),
        ({"name": "resize", "shortest": []}, OptionError, "shortest"),
        ({"name": "horizontal_flip", "p": 1.5}, OptionError, "p = 1.5"),
        ({"name": "scale_jitter", "low": 2.0, "high": 1.0}, OptionError, "high = 1.0.*below low"),
    ],
)
def test_a_wrong_declaration_is_refused(declared: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Transform.parse([declared])

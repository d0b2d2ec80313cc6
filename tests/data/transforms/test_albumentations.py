"""albumentations' transforms: pixels, masks, boxes, keypoints, maps and fields still describe the same objects."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from hub.contract.fields import FieldSpec, ObjectField
from hub.contract.sample import Sample
from hub.data.functional.affine import affine
from hub.data.functional.geometry import crop, mirror, pad
from hub.data.functional.source_map import SourceMap, coordinate_planes
from hub.data.functional.warp import warp
from hub.data.transforms import Transform
from hub.data.transforms.albumentations_step import Albumentations
from hub.data.transforms.effects import effect_names, open_effect
from hub.errors import OptionError

Scene, Check = Callable[..., Sample], Callable[..., None]

NEEDED: dict[str, dict[str, Any]] = {  # options without a default, and strengths that suit images of 40 × 60 pixels
    "Affine": {"rotate": [-30, 30], "scale": [0.7, 1.2], "shear": [-10, 10]},
    "AtLeastOneBBoxRandomCrop": {"height": 30, "width": 40},
    "CenterCrop": {"height": 30, "width": 40},
    "Crop": {"x_min": 5, "y_min": 4, "x_max": 40, "y_max": 30},
    "CropAndPad": {"px": [-5, 8]},
    "GridElasticDeform": {"num_grid_xy": [4, 4], "magnitude": 4},
    "LongestMaxSize": {"max_size": 80},
    "Pad": {"padding": [3, 4, 5, 6]},
    "PadIfNeeded": {"min_height": 80, "min_width": 90},
    "RandomCrop": {"height": 30, "width": 40},
    "RandomResizedCrop": {"size": [30, 40]},
    "RandomSizedBBoxSafeCrop": {"height": 30, "width": 40},
    "RandomSizedCrop": {"min_max_height": [20, 38], "size": [30, 40]},
    "Resize": {"height": 50, "width": 50},
    "SmallestMaxSize": {"max_size": 60},
    "ThinPlateSpline": {"scale_range": [0.05, 0.1]},
    "XYMasking": {"num_masks_x": 1, "mask_x_length": 9},
}
UNCHANGED = {
    "ChannelShuffle",
    "FancyPCA",
    "NoOp",
    "RandomGravel",
    "Solarize",
    "ToGray",
    "ToRGB",
}  # gray or dark images
SLOW = {"Superpixels", "PiecewiseAffine"}
NAMES = [name for name in effect_names() if name not in SLOW]
EIGHT_BITS = {
    "AutoContrast", "CLAHE", "ChromaticAberration", "Downscale", "Equalize", "HueSaturationValue", "ImageCompression",
    "MedianBlur", "Posterize", "RandomFog", "RandomGravel", "RandomRain", "RandomShadow", "RandomSnow",
    "RandomSunFlare", "RandomToneCurve",
}  # fmt: skip
SPATIAL = [name for name in NAMES if open_effect(name, NEEDED.get(name, {})).spatial]


def make(name: str, **options: Any) -> Transform:
    declared = {"name": "albumentations", "of": name, "p": 1.0, **NEEDED.get(name, {}), **options}
    return Transform.parse([declared])


def test_most_of_albumentations_is_there() -> None:
    assert len(NAMES) > 85
    assert len(SPATIAL) > 30
    assert {"CLAHE", "GaussNoise", "Perspective", "ElasticTransform", "CoarseDropout", "D4"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_annotations_follow(name: str, scene: Scene, check: Check) -> None:
    transform = make(name, min_visibility=0.0)
    spatial = name in SPATIAL
    kept, changed = 0, False
    for number in range(3):
        sample = scene(number, crowds=True)
        before = pickle.dumps(sample)
        for seed in range(3):
            new = transform(sample, seed)
            check(new, exact=False, colours=spatial)
            changed |= not np.array_equal(new.image, sample.image)
            kept += len(new.instances)  # type: ignore[arg-type]
            if not spatial:
                assert new.instances is not None
                np.testing.assert_array_equal(new.instances.boxes, sample.instances.boxes)  # type: ignore[union-attr]
                assert new.maps is sample.maps
        assert pickle.dumps(sample) == before, "the sample given stays as it is"
    assert kept >= 12, "of 36 objects"
    assert changed or name in UNCHANGED


@pytest.mark.parametrize("name", NAMES)
def test_all_that_is_random_comes_from_the_steps_generator(name: str, scene: Scene) -> None:
    sample = scene(1)
    transform, again = make(name), pickle.loads(pickle.dumps(make(name)))  # as in a worker process
    for seed in (3, 4):
        found = transform(sample, seed)
        random.seed(seed * 7)
        np.random.seed(seed * 7)
        cv2.setRNGSeed(seed * 7)
        again(sample, 11)  # what was drawn before does not matter
        other = again(sample, seed)
        np.testing.assert_array_equal(found.image, other.image)
        np.testing.assert_array_equal(found.instances.boxes, other.instances.boxes)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", SPATIAL)
@pytest.mark.parametrize(("dtype", "low", "high"), [("int16", -1024, 3071), ("float32", 0.0, 65535.0)])
def test_other_dtypes_are_moved_as_bytes_are(name: str, dtype: str, low: float, high: float, scene: Scene) -> None:
    sample = scene(2)
    unit = sample.image.astype(np.float64) / 255
    deep = replace(sample, image=(low + unit * (high - low)).round().astype(dtype), value_range=(low, high))
    transform = make(name)
    for seed in range(2):
        expected, new = transform(sample, seed), transform(deep, seed)
        assert new.image.dtype == dtype
        np.testing.assert_array_equal(new.instances.boxes, expected.instances.boxes)  # type: ignore[union-attr]
        back = (new.image.astype(np.float64) - low) / (high - low) * 255
        close = np.abs(back - expected.image) < 3  # interpolation of bytes rounds
        assert close.mean() > 0.98


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SPATIAL])
def test_pixel_transforms_keep_the_dtype_or_refuse_it(name: str, scene: Scene) -> None:
    sample = scene(2)
    rng = np.random.default_rng(0)
    values = rng.uniform(100, 4000, sample.image.shape).astype(np.float32)
    deep = replace(sample, image=values, value_range=(0.0, 4095.0))
    if name in EIGHT_BITS:
        with pytest.raises(OptionError, match=f"{name} computes in 8 bits, but the images are float32"):
            make(name)(deep, 0)
        return
    new = make(name)(deep, 0)
    assert new.image.dtype == np.float32
    assert -1 <= new.image.min() <= new.image.max() <= 4096
    assert new.image.max() > 500, "values are those of the range, not from 0 to 1"


@pytest.mark.parametrize("name", SPATIAL)
def test_images_of_many_channels_are_moved(name: str, scene: Scene, check: Check) -> None:
    if name == "GridElasticDeform":
        with pytest.raises(OptionError, match=r"does not take a uint8 image of shape \(40, 60, 7\)"):
            make(name)(scene(1, channels=7), 0)
    else:
        check(make(name)(scene(1, channels=7), 0), exact=False)
    check(make(name)(scene(1, channels=1), 0), exact=False)


@pytest.mark.parametrize("vertical", [False, True])
def test_flips_equal_the_hubs_own_with_left_and_right(vertical: bool, scene: Scene) -> None:
    sample = scene(3)
    names = ("left_end", "right_end")
    transform = make("VerticalFlip" if vertical else "HorizontalFlip").for_keypoints(names)
    expected = mirror(sample, vertical=vertical, keypoint_order=np.array([1, 0]))
    new = transform(sample, 0)
    assert_same(new, expected)


def test_crops_and_pads_equal_the_hubs_own(scene: Scene) -> None:
    sample = scene(3)
    fractional = replace(sample.instances, boxes=sample.instances.boxes + np.float32(0.25))  # type: ignore[type-var, union-attr]
    sample = replace(sample, instances=replace(fractional, masks=None))
    assert_same(make("Crop", min_visibility=0.1)(sample, 0), crop(sample, 4, 5, (26, 35), min_visibility=0.1))
    padded = pad(sample, (40 + 3 + 4, 60 + 5 + 6), top=3, left=5)
    assert_same(make("Pad", padding=[5, 3, 6, 4])(sample, 0), padded)


def test_a_map_is_ignore_outside_the_image(scene: Scene) -> None:
    new = make("Pad", padding=10, fill=255)(scene(0), 0)
    assert (new.maps["semantic"][:10] == 255).all()
    assert np.isnan(new.maps["depth"][:, :10]).all()


def test_named_fields_of_objects_follow(scene: Scene) -> None:
    sample = scene(0)
    objects = sample.instances
    assert objects is not None
    centers = (objects.boxes[:, :2] + objects.boxes[:, 2:]) / 2
    fields = {
        "angle": ObjectField(np.full(len(objects), 30, np.float32), FieldSpec("angle")),
        "center": ObjectField(centers.astype(np.float32), FieldSpec("point")),
        "track": ObjectField(np.arange(len(objects)), FieldSpec("id")),
    }
    sample = replace(sample, instances=replace(objects, fields=fields))
    flipped = make("HorizontalFlip")(sample, 0).instances
    assert flipped is not None
    np.testing.assert_allclose(flipped.fields["angle"].values, 150, atol=1e-3)
    np.testing.assert_allclose(flipped.fields["center"].values, (flipped.boxes[:, :2] + flipped.boxes[:, 2:]) / 2)
    bent = make("GridDistortion", distort_limit=[-0.3, 0.3], min_visibility=0.0)(sample, 1).instances
    assert bent is not None
    middle = (bent.boxes[:, :2] + bent.boxes[:, 2:]) / 2
    np.testing.assert_allclose(bent.fields["center"].values, middle, atol=4)
    np.testing.assert_array_equal(bent.fields["track"].values, np.arange(len(bent)))


@pytest.mark.parametrize("seed", range(5))
def test_an_affine_warp_by_lookup_equals_the_matrix(seed: int, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two ways of moving annotations agree where both are defined."""
    rng = np.random.default_rng(seed)
    sample = scene(seed)
    angle = np.deg2rad(rng.uniform(-20, 20))
    linear = 0.8 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([30.0, 20.0])
    matrix = np.column_stack([linear, middle - linear @ middle])
    backward = cv2.invertAffineTransform(matrix)
    planes = coordinate_planes((40, 60)).astype(np.float64)
    x, y = np.moveaxis(planes @ backward.T, -1, 0)
    source = SourceMap(x, y, (x >= 0) & (x < 60) & (y >= 0) & (y < 40), (40, 60))
    np.testing.assert_allclose(source.matrix, matrix, atol=1e-6)
    expected = affine(sample, matrix)
    monkeypatch.setattr(SourceMap, "matrix", None)
    new = warp(sample, expected.image, source)
    assert new.instances is not None
    assert expected.instances is not None
    np.testing.assert_allclose(new.instances.boxes, expected.instances.boxes, atol=1e-4)
    np.testing.assert_array_equal(new.instances.masks.planes(), expected.instances.masks.planes())  # type: ignore[union-attr]
    np.testing.assert_allclose(new.instances.keypoints, expected.instances.keypoints, atol=0.02)
    np.testing.assert_array_equal(new.maps["semantic"], expected.maps["semantic"])


def test_the_default_probability_is_that_of_albumentations(scene: Scene) -> None:
    sample = scene()
    for options, low, high in (({"p": 0.2}, 0.1, 0.3), ({}, 0.4, 0.6)):
        flip = Transform.parse([{"name": "albumentations", "of": "HorizontalFlip", **options}])
        flipped = np.mean([not np.array_equal(flip(sample, seed).image, sample.image) for seed in range(300)])
        assert low < flipped < high
    always = Transform.parse([{"name": "albumentations", "of": "CenterCrop", "height": 20, "width": 20}])
    assert all(always(sample, seed).image.shape[:2] == (20, 20) for seed in range(10))


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({}, "'of'"),
        ({"of": "Clahe"}, "no 2D transform 'Clahe'. Did you mean CLAHE"),
        ({"of": "CLAHE", "clip_limt": 4}, "CLAHE has no option 'clip_limt'. Did you mean clip_limit"),
        ({"of": "CLAHE", "clip_limit": "much"}, "CLAHE: option clip_limit = 'much'"),
        ({"of": "RandomCrop", "height": 3}, "RandomCrop: it needs the option 'width'"),
        ({"of": "Normalize"}, "Normalize cannot be used here: it changes the dtype"),
        ({"of": "FDA"}, "FDA cannot be used here: it needs further inputs"),
        ({"of": "CenterCrop3D"}, "no 2D transform"),
        ({"of": "Rotate", "fill_mask": 3}, "Rotate has no option 'fill_mask'"),
        ({"of": "Rotate", "p": 2}, "p = 2"),
    ],
)
def test_a_wrong_declaration_is_refused(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Transform.parse([{"name": "albumentations", **declared}])


def test_borders_that_repeat_objects_are_refused_where_there_are_any(scene: Scene) -> None:
    rotate = make("Rotate", border_mode=cv2.BORDER_REFLECT_101)
    with pytest.raises(OptionError, match="repeats parts of the image"):
        rotate(scene(0), 0)
    bare = replace(scene(0), instances=None, maps={})
    assert rotate(bare, 0).image.shape == bare.image.shape


def test_an_image_that_a_transform_does_not_take_is_named(scene: Scene) -> None:
    with pytest.raises(OptionError, match=r"albumentations' RandomRain does not take a uint8 image of shape"):
        make("RandomRain")(scene(0, channels=5), 0)


def test_an_albumentations_step_prints_its_options() -> None:
    step = make("CLAHE", clip_limit=4).steps[0]
    assert isinstance(step, Albumentations)
    assert "of='CLAHE'" in repr(step)
    assert "clip_limit=4" in repr(step)


def assert_same(new: Sample, expected: Sample) -> None:
    assert new.instances is not None
    assert expected.instances is not None
    np.testing.assert_array_equal(new.image, expected.image)
    np.testing.assert_allclose(new.instances.boxes, expected.instances.boxes, atol=1e-4)
    np.testing.assert_allclose(new.instances.keypoints, expected.instances.keypoints, atol=1e-4)
    if expected.instances.masks is not None:
        assert new.instances.masks is not None
        np.testing.assert_array_equal(new.instances.masks.planes(), expected.instances.masks.planes())
    for name in expected.maps:
        np.testing.assert_array_equal(new.maps[name], expected.maps[name])

from __future__ import annotations

import numpy as np
import pytest
import torch

from hub import LabelSpace, Model, ResizeRule, create
from hub.errors import OptionError
from hub_medical.segmentation.predictor import Settings, SlicePredictor, predictor_of
from hub_medical.volumes.prepare import slab
from hub_medical.volumes.slicing import AXES, Plane, put_planes, take_planes

SHAPE = (24, 30, 17)


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    model = create(
        "unet/resnet18",
        labels=LabelSpace(("background", "head", "tail"), (0, 1, 2)),
        in_chans=3,
        resize=ResizeRule(32, 64),
        decoder_channels=(8, 8, 8, 8, 8),
    )
    return model.eval()


@pytest.fixture(scope="module")
def volume() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, *SHAPE), np.uint8)


def scores_of(predictor: SlicePredictor, volume: np.ndarray) -> np.ndarray:
    """(classes, I, J, K), put together from slabs."""
    parts, end = [], 0
    for start, part in predictor(volume):
        assert start == end
        end += part.shape[1]
        parts.append(part.numpy())
    return np.moveaxis(np.concatenate(parts, axis=1), 1, predictor.axis + 1)


@pytest.mark.parametrize("plane", list(AXES))
def test_every_voxel_is_answered_as_in_the_picture_of_its_slice(model: Model, volume: np.ndarray, plane: Plane) -> None:
    predictor = predictor_of(model, "unet", Settings(plane, batch_size=4, precision="fp32"))
    assert isinstance(predictor, SlicePredictor)
    scores = scores_of(predictor, volume)
    np.testing.assert_allclose(scores.sum(axis=0), 1, atol=1e-5)
    planes = np.stack([take_planes(volume[0], plane)])
    pictures = [slab(planes, i, 3) for i in range(planes.shape[1])]
    answers = model.predict(pictures, precision="fp32", batch_size=4)
    expected = put_planes(np.stack([a.result.classes.numpy() for a in answers]), plane)
    best, second = np.sort(scores, axis=0)[[-1, -2]]
    clear = best - second > 1e-4
    np.testing.assert_array_equal(scores.argmax(axis=0)[clear], expected[clear])


def test_mirror_images_are_averaged(model: Model, volume: np.ndarray) -> None:
    def scores(array: np.ndarray, *mirror: str) -> np.ndarray:
        settings = Settings("coronal", mirror, batch_size=8, precision="fp32")  # type: ignore[arg-type]
        return scores_of(SlicePredictor(model, "unet", settings), array)

    for direction, axis in (("right", 1), ("superior", 3)):
        plain, turned = scores(volume), np.flip(scores(np.flip(volume, axis).copy()), axis)
        np.testing.assert_allclose(scores(volume, direction), (plain + turned) / 2, atol=1e-5)
        assert not np.allclose(plain, turned, atol=1e-3)


def test_the_direction_in_which_slices_follow_has_no_mirror(model: Model) -> None:
    with pytest.raises(OptionError, match="coronal slices cannot be mirrored along 'anterior'"):
        SlicePredictor(model, "unet", Settings("coronal", ("anterior",)))


def test_channels_must_fit_the_model(model: Model, volume: np.ndarray) -> None:
    with pytest.raises(OptionError, match="in_chans is 3, for slices of 2 channels"):
        next(SlicePredictor(model, "unet", Settings())(volume.repeat(2, axis=0)))

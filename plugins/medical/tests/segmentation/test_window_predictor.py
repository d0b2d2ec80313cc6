"""Whole volumes in windows: every voxel gets the answer to its place, in bounded memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

from hub import Batch, LabelSpace, Model, create
from hub.engine import Request, reader_of
from hub.errors import OptionError
from hub_medical.segmentation.predictor import Settings, VolumePredictor, predictor_of
from hub_medical.volumes.intensity import PIXELS
from hub_medical.volumes.slicing import put_planes, take_planes

NAMES = ["background", "a", "b"]


def make_model(depth: int = 4, channels: int = 1, **options: Any) -> Model:
    torch.manual_seed(0)
    return create(
        "unet3d/inflated",
        labels=LabelSpace(tuple(NAMES), (0, 1, 2)),
        in_chans=depth * channels,
        backbone={"of": "mobilenetv3_small_050", "depth": depth},
        widths=(4, 4, 8, 8, 16),
        **options,
    )


def predictor(model: Model, **settings: Any) -> VolumePredictor:
    return predictor_of(model, "unet3d", Settings(**settings))


def whole(predict: VolumePredictor, volume: np.ndarray) -> np.ndarray:
    """(classes, I, J, K) from slabs, which follow each other without gaps."""
    planes, count = [], 0
    for start, slab in predict(volume):
        assert start == count
        planes.append(slab)
        count += slab.shape[1]
    return np.moveaxis(torch.cat(planes, 1).numpy(), 1, predict.axis + 1)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_a_volume_of_one_window_is_answered_as_its_patch(plane: Any) -> None:
    volume = noise(1, 30, 22, 26)
    count = take_planes(volume[0], plane).shape[0]
    model = make_model(depth=count)
    image = np.ascontiguousarray(take_planes(volume[0], plane).transpose(1, 2, 0))
    expected = model.predict(image, precision="fp32").result.probabilities.float().numpy()
    found = whole(predictor(model, plane=plane, precision="fp32"), volume)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, put_planes(other, plane), atol=1e-3)


def test_windows_are_averaged_where_they_overlap() -> None:
    """Weights add up to 1 whatever the volume's size: where every window answers alike, so does the whole."""
    model = make_model(window=(32, 32))
    conv: Any = model.heads["unet3d"].predictor
    conv.weight.data.zero_()
    conv.bias.data[:] = torch.tensor([0.0, 1.0, 2.0])
    found = whole(predictor(model), noise(1, 70, 41, 9))
    assert found.shape == (3, 70, 41, 9)
    expected = torch.tensor([0.0, 1.0, 2.0]).softmax(0).numpy()
    np.testing.assert_allclose(found, np.broadcast_to(expected[:, None, None, None], found.shape), atol=1e-5)


def test_every_voxel_is_answered_in_its_place() -> None:
    """A head that names bright voxels finds them where they are, across windows and along every axis."""
    model = make_model(channels=2, window=(32, 32))

    def name_bright(features: Any, batch: Batch) -> dict[str, torch.Tensor]:
        volume = batch.images.unflatten(1, (-1, 2)).float()  # (n, D, C, H, W)
        return {"logits": torch.stack([volume[:, :, 0] * 0 + 99, volume[:, :, 0], volume[:, :, 1]], 1)}

    model.heads["unet3d"].predict = name_bright  # type: ignore[assignment]
    volume = noise(2, 45, 70, 11) // 3  # up to 85: background
    volume[0, 3:5, 60, 2], volume[1, 40, 5, 8:10] = 255, 255
    for mirror in ((), ("right", "superior"), ("anterior",)):
        found = whole(predictor(model, mirror=mirror), volume).argmax(0)
        assert np.argwhere(found == 1).tolist() == [[3, 60, 2], [4, 60, 2]]
        assert np.argwhere(found == 2).tolist() == [[40, 5, 8], [40, 5, 9]]


def test_mirrored_volumes_are_averaged() -> None:
    model, volume = make_model(), noise(1, 32, 32, 4)
    plain = predictor(model, precision="fp32")
    expected = (whole(plain, volume) + whole(plain, volume[:, ::-1])[:, ::-1]) / 2
    np.testing.assert_allclose(
        whole(predictor(model, mirror=("right",), precision="fp32"), volume), expected, atol=1e-5
    )


def test_a_volume_of_fewer_slices_is_seen_with_its_last_one_repeated() -> None:
    model, volume = make_model(depth=6), noise(1, 32, 32, 2)
    longer = np.concatenate([volume, *[volume[..., -1:]] * 4], -1)
    predict = predictor(model, precision="fp32")
    np.testing.assert_allclose(whole(predict, volume), whole(predict, longer)[..., :2], atol=1e-5)


def test_channels_that_do_not_fit() -> None:
    with pytest.raises(OptionError, match="4 channels, which are no slices of 3 each"):
        next(iter(predictor(make_model())(noise(3, 32, 32, 8))))


def test_files_get_labels_on_their_own_grid(tmp_path: Path) -> None:
    affine = np.array([[0, -0.8, 0, 3], [0.9, 0, 0, -5], [0, 0, -2.0, 40], [0, 0, 0, 1]])
    image = nib.Nifti1Image(np.random.default_rng(0).normal(size=(20, 30, 9)).astype(np.float32), affine)
    (tmp_path / "in").mkdir()
    nib.save(image, tmp_path / "in" / "case.nii.gz")
    model = make_model(window=(32, 32))
    reader = {"name": "volume", "rules": [{"rule": "z-score", "limit": 4.0}], "spacing": (1.0, 1.0, 1.5)}
    model.recipe = replace(model.recipe, reader=reader)
    model.preprocessing = replace(model.preprocessing, pixels=PIXELS)
    outcome = reader_of(model).predict(model, Request(source=tmp_path / "in", out=tmp_path / "out"))
    assert (outcome.done, outcome.failed) == (1, 0)
    written = nib.load(tmp_path / "out" / "case.nii.gz")
    assert written.shape == image.shape
    np.testing.assert_allclose(written.affine, image.affine, atol=1e-6)
    assert set(np.unique(np.asarray(written.dataobj))) <= {0, 1, 2}

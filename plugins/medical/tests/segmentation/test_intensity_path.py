"""Intensities keep their contrast from the file to what the network reads."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

from hub import Batch, Model, Preprocessing, create
from hub.data import Pipeline, collate
from hub.data.transforms import Transform
from hub.engine import Request, reader_of
from hub_medical.segmentation.datasets import Msd, NiftiFolder
from hub_medical.volumes.intensity import PIXELS, CtRule, ZScoreRule

CT = np.full((32, 32, 12), -1000, np.float32)
CT[4:28, 4:28] = 40
CT[10:16, 10:16] = 60  # a lesion that is 20 HU brighter
CT[24:28, 4:28] = 900


def root_of(folder: Path, array: np.ndarray = CT, channel: str | None = None) -> str:
    for number in range(3):
        for name, voxels in (("imagesTr", array), ("labelsTr", ((array > 50) & (array < 100)).astype(np.uint8))):
            (folder / name).mkdir(exist_ok=True)
            suffix = "_0000" if name == "imagesTr" and channel else ""
            nib.save(nib.Nifti1Image(voxels, np.eye(4)), folder / name / f"c{number}{suffix}.nii.gz")
    if channel:
        description = {
            "channel_names": {"0": channel},
            "labels": {"background": 0, "lesion": 1},
            "file_ending": ".nii.gz",
            "numTraining": 3,
        }
        (folder / "dataset.json").write_text(json.dumps(description))
    return str(folder)


@pytest.mark.parametrize(
    ("options", "sigma"),
    [
        ({"intensity": "z-score"}, CT.std()),
        ({"intensity": "ct", "ct": [-200, 300, 50, 30]}, 30),
        ({"intensity": ["soft-tissue"]}, 200),
    ],
    ids=["z-score", "ct", "window"],
)
def test_forty_and_sixty_hounsfield_units_are_as_far_apart_for_the_network_as_the_rule_says(
    tmp_path: Path, options: dict[str, Any], sigma: float
) -> None:
    data = NiftiFolder(NiftiFolder.Options(root=root_of(tmp_path), patient="(.+)", **options))
    sample = data.load(6, frozenset(), in_chans=1)
    assert sample.image.dtype == np.int16
    batch = collate([replace(sample, value_range=data.pixels.value_range)])
    mean, std = data.rules[0].normalization()
    network = Preprocessing(mean=mean, std=std, in_chans=1, pixels=data.pixels)
    network.check(batch.images, batch.value_range)
    values = network.normalize(batch.images, batch.sizes)[0, 0, :32, :32]
    back, lesion = (values[torch.from_numpy(mask)] for mask in (shown(CT == 40), shown(CT == 60)))
    assert float(back.std()) < 1e-6
    difference = float(lesion.mean() - back.mean()) * sigma
    assert difference == pytest.approx(20, abs=0.5)


def shown(mask: np.ndarray) -> np.ndarray:
    return mask[:, :, 6].T[::-1, ::-1].copy()


def test_augmented_pixels_stay_in_int16(tmp_path: Path) -> None:
    data = NiftiFolder(NiftiFolder.Options(root=root_of(tmp_path), patient="(.+)", intensity="z-score"))
    steps = [{"name": "affine", "rotate": 15}, {"name": "color_jitter", "brightness": 0.2, "saturation": 0, "hue": 0}]
    pipeline = Pipeline(data, Transform.parse(steps), needs=frozenset({"semantic"}), in_chans=1)
    sample = pipeline[(0, 6)]
    assert sample.image.dtype == np.int16
    assert len(np.unique(sample.image)) > 3


@pytest.mark.parametrize("channel", ["CT", "ct"])
def test_the_channels_name_chooses_the_rule_as_in_nnunet(tmp_path: Path, channel: str) -> None:
    data = Msd(Msd.Options(root=root_of(tmp_path, CT + np.arange(12, dtype=np.float32), channel), patient="(.+)"))
    assert isinstance(data.rules[0], CtRule)
    other = Msd(Msd.Options(root=root_of(tmp_path, channel="MRI"), patient="(.+)"))
    assert isinstance(other.rules[0], ZScoreRule)


def test_a_ct_without_a_rule_is_a_warning_that_names_the_option(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = root_of(tmp_path)
    caplog.set_level(logging.WARNING)
    NiftiFolder(NiftiFolder.Options(root=root, patient="(.+)"))
    assert "looks like CT" in caplog.text
    assert "set intensity: ct" in caplog.text
    caplog.clear()
    NiftiFolder(NiftiFolder.Options(root=root, patient="(.+)", intensity="z-score"))
    NiftiFolder(NiftiFolder.Options(root=root, patient="(.+)", intensity=("lung",)))
    assert not caplog.text


@pytest.mark.usefixtures("volume_reader")
def test_a_ct_by_modality_is_a_warning_at_prediction(
    bright_model: Callable[..., Model],
    make_series: Callable[..., list[Path]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    files = make_series(np.full((4, 32, 32), 900))
    for rule, warned in ((ZScoreRule(), True), (CtRule(-100, 900, 50, 60), False)):
        caplog.clear()
        model = bright_model(side=32, rules=[rule.to_dict()])
        reader_of(model).predict(model, Request(source=files[0].parent, out=tmp_path / str(warned)))
        assert ("intensity: ct" in caplog.text) is warned


def test_a_model_refuses_pixels_of_another_format() -> None:
    model = create("unet/resnet18", labels=["a", "b"], in_chans=1, decoder_channels=(8, 8, 8, 8, 8))
    model.preprocessing = replace(model.preprocessing, pixels=PIXELS)
    sizes = torch.tensor([[32, 32]])
    with pytest.raises(Exception, match="uint8"):
        model.features(Batch(torch.zeros(1, 1, 32, 32, dtype=torch.uint8), sizes, sizes))

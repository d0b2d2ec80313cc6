"""Patches show the slices that they say, and answers to them make whole volumes again."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

from hub import LabelSpace
from hub.data import collate
from hub.errors import OptionError
from hub_medical.errors import MetricError
from hub_medical.segmentation.datasets import NiftiFolder
from hub_medical.segmentation.patch_metric import PatchVolumeMetric
from hub_medical.segmentation.patch_result import PatchScores
from hub_medical.segmentation.patches import MsdPatches, NiftiPatches

NEEDS = frozenset({"semantic"})
AFFINE = np.diag([-1.0, 1.0, 2.0, 1.0])
NAMES = ("background", "inside")


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, AFFINE), path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three cases of 11, 12 and 3 slices of 6 × 5 pixels; labels 1 in the upper slices."""
    random = np.random.default_rng(0)
    for number, count in enumerate((11, 12, 3)):
        labels = np.zeros((5, 6, count), np.uint8)
        labels[1:3, 1:4, count - 2 :] = 1
        save(tmp_path / "labelsTr" / f"case{number}.nii.gz", labels)
        save(tmp_path / "imagesTr" / f"case{number}.nii.gz", random.normal(size=labels.shape).astype(np.float32))
    return tmp_path


def patches(root: Path, **options: Any) -> NiftiPatches:
    return NiftiPatches(
        NiftiPatches.Options(**{"root": str(root), "patient": "(.+)", "names": NAMES, "step": 4, **options})
    )


def slices(root: Path, **options: Any) -> NiftiFolder:
    return NiftiFolder(NiftiFolder.Options(**{"root": str(root), "patient": "(.+)", "names": NAMES, **options}))


@pytest.mark.parametrize("plane", ["axial", "coronal"])
@pytest.mark.parametrize("depth", [2, 4, 7, 8])
def test_a_patch_is_the_slices_around_its_step(root: Path, plane: str, depth: int) -> None:
    found, flat = patches(root, plane=plane), slices(root, plane=plane)
    where = {name: i for i, name in enumerate(flat.ids)}
    for index, name in enumerate(found.ids):
        case, place = str(name).split("/")
        count = int((flat.slices[:, 0] == found.slices[index, 0]).sum())
        sample = found.load(index, NEEDS, in_chans=depth)
        assert sample.maps["semantic"].shape == (depth, *sample.image.shape[:2])
        for i in range(depth):
            wanted = int(place) - (depth - 4) // 2 + i
            expected = flat.load(where[f"{case}/{min(max(wanted, 0), count - 1):03}"], NEEDS, in_chans=1)
            np.testing.assert_array_equal(sample.image[..., i], expected.image[..., 0])
            if 0 <= wanted < count:
                np.testing.assert_array_equal(sample.maps["semantic"][i], expected.maps["semantic"])
            else:
                assert (sample.maps["semantic"][i] == 255).all(), "what repeats is not learned twice"


def test_patches_go_by_the_first_slice_of_their_step(root: Path) -> None:
    found = patches(root)
    assert found.ids == ["case0/000", "case0/004", "case0/008", "case1/000", "case1/004", "case1/008", "case2/000"]
    assert found.sizes.tolist() == [[6, 5]] * 7
    assert found.path(3).name == "case1.nii.gz"


def test_channels_of_a_slice_stay_together(root: Path) -> None:
    found = patches(root, intensity=("0/4", "1/2"))
    image = found.load(1, frozenset(), in_chans=6).image.reshape(6, 5, 3, 2)
    for channel, window in enumerate(("0/4", "1/2")):
        alone = patches(root, intensity=(window,)).load(1, frozenset(), in_chans=3).image
        np.testing.assert_array_equal(image[..., channel], alone)
    with pytest.raises(OptionError, match="in_chans is 5.*2 channels") as error:
        found.load(0, frozenset(), in_chans=5)
    assert "such as 32" in str(error.value)


def test_patches_with_foreground_are_repeated(root: Path) -> None:
    found = patches(root, split="train", folds=3, foreground=0.75)
    cores = [found.load(i, NEEDS, in_chans=4).maps["semantic"] for i in range(len(found))]
    assert np.mean([(core == 1).any() for core in cores]) >= 0.75
    assert len(set(found.ids)) == len(found.ids)
    batch = collate([found.load(i, NEEDS, in_chans=4) for i in range(2)])
    assert batch.maps["semantic"].shape == (2, 4, 32, 32)


def test_a_folder_with_a_description(root: Path) -> None:
    description = {
        "channel_names": {"0": "MRI"},
        "labels": {"background": 0, "inside": 1},
        "file_ending": ".nii.gz",
        "training": [{"image": f"imagesTr/case{n}.nii.gz", "label": f"labelsTr/case{n}.nii.gz"} for n in range(3)],
    }
    (root / "dataset.json").write_text(json.dumps(description))
    found = MsdPatches(MsdPatches.Options(root=str(root), patient="(.+)", step=4))
    assert found.ids == patches(root).ids
    assert found.label_spaces["semantic"].names == NAMES


def answers(data: NiftiPatches, depth: int, noise: float = 0.0) -> list[PatchScores]:
    """The truth as probabilities, where patches repeat a slice nonsense, and elsewhere with noise."""
    random = np.random.default_rng(1)
    found = []
    for index, name in enumerate(data.ids):
        sample = data.load(index, NEEDS, in_chans=depth)
        truth = sample.maps["semantic"]
        right = np.where(truth == 255, 0.0, np.where(truth == 1, 0.9, 0.1)) + noise * random.normal(size=truth.shape)
        scores = torch.from_numpy(np.stack([1 - right, right])).half()
        found.append(
            PatchScores(
                image_id=name, size=sample.original_size, probabilities=scores, label_space=LabelSpace(NAMES, (0, 1))
            )
        )
    return found


def metric_of(data: NiftiPatches) -> PatchVolumeMetric:
    metric = data.metric("semantic", LabelSpace(NAMES))
    assert isinstance(metric, PatchVolumeMetric)
    return metric


@pytest.mark.parametrize(("plane", "spacing"), [("axial", None), ("sagittal", None), ("axial", (1.0, 1.0, 1.0))])
def test_right_answers_make_right_volumes(root: Path, plane: str, spacing: tuple[float, float, float] | None) -> None:
    data = patches(root, plane=plane, spacing=spacing, step=3)
    metric = metric_of(data)
    metric.update(answers(data, depth=5))
    assert not metric.open, "a volume's scores are dropped with its last patch"
    evaluation = metric.compute()
    assert evaluation.main == "Dice"
    assert evaluation.metrics["Dice"] == pytest.approx(1.0)


def test_overlapping_patches_are_averaged(root: Path) -> None:
    """One patch is sure of the truth, its neighbor nearly undecided against it."""
    data = patches(root)
    results = answers(data, depth=8)
    for result in results[1::2]:
        result.probabilities = 0.5 + (0.5 - result.probabilities) * 0.01
    metric = metric_of(data)
    metric.update(results)
    case0 = metric._planes(0)
    inner = case0[:4]  # the first patch's own slices, where the second one sees them, too
    np.testing.assert_array_equal(inner, data._planes(0, with_labels=True)[1][:4])  # type: ignore[index]


def test_processes_together_find_what_one_finds(root: Path) -> None:
    data = patches(root)
    results = answers(data, depth=8, noise=0.4)
    whole, parts = metric_of(data), [metric_of(data) for _ in range(3)]
    whole.update(results)
    for rank, part in enumerate(parts):
        part.update(results[rank::3])
        part.update(results[rank : rank + 1])  # samplers fill up with what there was already
    first, *others = parts
    first.merge([pickle.loads(pickle.dumps(other)) for other in others])
    assert first.compute().metrics == pytest.approx(whole.compute().metrics, nan_ok=True)


def test_what_is_no_whole_volume_is_not_scored(root: Path) -> None:
    data = patches(root)
    metric = metric_of(data)
    metric.update(answers(data, depth=8)[1:])
    with pytest.raises(MetricError, match="case0: 2 of 3 patches"):
        metric.compute()
    with pytest.raises(MetricError, match="patches of 3 slices every 4") as error:
        metric_of(data).update(answers(data, depth=3)[:1])
    assert "step to 3" in str(error.value)

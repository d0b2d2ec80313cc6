"""Slices are scored as the volumes that they make, on the grid of the file."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

from hub import LabelSpace, Result, SemanticMap
from hub.errors import DataError, OptionError
from hub_medical import NOTICE
from hub_medical.errors import MetricError
from hub_medical.io.volume_files import read_labels
from hub_medical.metrics import score_case, summarize_cases
from hub_medical.segmentation.datasets import Msd, NiftiFolder
from hub_medical.segmentation.volume_metric import VolumeMetric
from hub_medical.volumes.resample import canonical_grid
from hub_medical.volumes.slicing import put_planes
from hub_medical.volumes.volume import Volume

NAMES = ("background", "head", "tail")
AFFINE = np.array([[0, -1.2, 0, 5], [0, 0, 0.8, -3], [2.5, 0, 0, 9], [0, 0, 0, 1.0]])  # i up, j left, k to the front


@pytest.fixture
def root(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for number in range(5):
        labels = np.zeros((8, 11, 14), np.uint8)
        labels[1:6, 2:9, 2:8] = 1
        labels[2:7, 3:8, 8 : 10 + number % 3] = 2
        if number == 3:
            labels[labels == 2] = 0
        for folder, array in (("imagesTr", random.normal(size=labels.shape).astype(np.float32)), ("labelsTr", labels)):
            (tmp_path / folder).mkdir(exist_ok=True)
            nib.save(nib.Nifti1Image(array, AFFINE), tmp_path / folder / f"p{number // 2}_{number}.nii.gz")
    return tmp_path


def dataset(root: Path, **options: Any) -> NiftiFolder:
    return NiftiFolder(
        NiftiFolder.Options(**{"root": str(root), "patient": "p(.)", "names": NAMES, "tolerance": 1.0, **options})
    )


def answers(data: NiftiFolder | Msd, labels: LabelSpace, *, wrong: float = 0.1) -> list[Result]:
    """The truth with this share of the pixels drawn anew, in the labels of a model."""
    random = np.random.default_rng(0)
    table = np.array([labels.index(name) for name in data.label_spaces["semantic"].names])
    found: list[Result] = []
    for index, image_id in enumerate(data.ids):
        classes = data.load(index, frozenset({"semantic"}), in_chans=1).maps["semantic"]
        noise = random.integers(0, len(table), classes.shape)
        classes = np.where((random.random(classes.shape) < wrong) | (classes == 255), noise, classes)
        height, width = classes.shape
        found.append(
            SemanticMap(
                image_id=image_id, size=(height, width), classes=torch.from_numpy(table[classes]), label_space=labels
            )
        )
    return found


@pytest.mark.parametrize("plane", ["axial", "sagittal"])
def test_figures_are_those_of_whole_volumes(root: Path, plane: str) -> None:
    data = dataset(root, plane=plane)
    model = LabelSpace(("tail", "head", "background"), (2, 1, 0))  # in another order than the data
    metric = data.metric("semantic", model)
    assert isinstance(metric, VolumeMetric)
    results = answers(data, model)
    metric.update(results)
    found = metric.compute()

    scores = []
    for number, case in enumerate(data.cases):
        planes = [r.classes.numpy() for r, row in zip(results, data.slices, strict=True) if row[0] == number]  # type: ignore[attr-defined]
        array = put_planes(2 - np.stack(planes), plane)  # type: ignore[arg-type]
        canonical = nib.Nifti1Image(array.astype(np.uint8), canonical_grid(data.truth.volume(number).grid).affine)
        turn = nib.orientations.ornt_transform(
            nib.io_orientation(canonical.affine), nib.io_orientation(data.truth.volume(number).affine)
        )
        back = canonical.as_reoriented(turn)
        truth = read_labels(case.labels or "")
        prediction = Volume.of(np.asarray(back.dataobj), back.affine)
        scores.append(score_case(case.id, case.patient, prediction, truth, data.folder.names, tolerance=1.0))
    expected = summarize_cases(scores)
    assert found.main == "Dice"
    assert found.metrics["Dice"] == pytest.approx(expected.overall["dice"].mean)
    assert found.metrics["Dice_low"] == pytest.approx(expected.overall["dice"].interval.low)
    assert 0.5 < found.metrics["Dice_low"] < found.metrics["Dice"] < found.metrics["Dice_high"] < 1
    assert found.metrics["HD95"] == pytest.approx(expected.overall["hd95"].mean)
    assert found.units == {"HD95": "mm"}
    for name in ("head", "tail"):
        assert found.per_class[name]["NSD"] == pytest.approx(expected.structures[name]["nsd"].mean)
    assert set(found.per_class) == {"head", "tail"}


def test_the_truth_is_perfect_at_any_finer_spacing_and_in_any_number_of_processes(root: Path) -> None:
    data = dataset(root, spacing=(0.7, 0.5, 1.1))
    labels = data.label_spaces["semantic"]
    results = [
        SemanticMap(image_id=i, size=(1, 1), classes=torch.from_numpy(m), label_space=labels)
        for n, i in enumerate(data.ids)
        for m in [data.load(n, frozenset({"semantic"}), in_chans=1).maps["semantic"]]
    ]
    one, other = data.metric("semantic", labels), data.metric("semantic", labels)
    one.update(results[::2])
    other.update(results[1::2] + results[:3])
    one.merge([pickle.loads(pickle.dumps(other))])
    metrics = one.compute().metrics
    assert (metrics["Dice"], metrics["NSD"], metrics["HD95"]) == (1, 1, 0)


def test_a_volume_without_all_its_slices_has_no_figures(root: Path) -> None:
    data = dataset(root)
    labels = data.label_spaces["semantic"]
    metric = data.metric("semantic", labels)
    metric.update(answers(data, labels)[:-1])
    with pytest.raises(MetricError, match="p2_4: 7 of 8 slices were predicted"):
        metric.compute()
    with pytest.raises(DataError, match="has no image 'p9_9/000'"):
        metric.update([SemanticMap(image_id="p9_9/000", size=(1, 1), classes=torch.zeros(1, 1), label_space=labels)])


def test_ignored_voxels_count_nowhere(root: Path) -> None:
    for file in (root / "labelsTr").iterdir():
        labels = np.asarray(nib.load(file).dataobj).copy()
        labels[:, :5] = 9
        nib.save(nib.Nifti1Image(labels, AFFINE), file)
    listed = [{"image": f"imagesTr/{f.name}", "label": f"labelsTr/{f.name}"} for f in (root / "labelsTr").iterdir()]
    names = {"0": "background", "1": "head", "2": "tail", "9": "ignore"}
    (root / "dataset.json").write_text(json.dumps({"labels": names, "training": listed}))
    data = Msd(Msd.Options(root=str(root), patient="p(.)", tolerance=1.0))
    truth = data.label_spaces["semantic"]
    metric = data.metric("semantic", truth)
    for index, image_id in enumerate(data.ids):
        classes = data.load(index, frozenset({"semantic"}), in_chans=1).maps["semantic"]
        wrong = torch.from_numpy(np.where(classes == 255, 1, classes))
        metric.update([SemanticMap(image_id=image_id, size=(1, 1), classes=wrong, label_space=truth)])
    assert metric.compute().metrics["Dice"] == 1


def test_classes_that_only_the_model_knows_are_background(root: Path) -> None:
    data = dataset(root)
    model = LabelSpace((*NAMES, "liver"), (0, 1, 2, 3))
    metric = data.metric("semantic", model)
    found = answers(data, model)
    for result in found:
        assert isinstance(result, SemanticMap)
        result.classes[result.classes == 0] = 3
    metric.update(found)
    plain = data.metric("semantic", model)
    plain.update(answers(data, model))
    assert metric.compute().metrics == plain.compute().metrics


def test_the_report_and_the_cases_come_with_the_figures(root: Path) -> None:
    data = dataset(root, tolerance=None)
    labels = data.label_spaces["semantic"]
    metric = data.metric("semantic", labels)
    metric.update(answers(data, labels))
    found = metric.compute()
    assert np.isnan(found.metrics["NSD"])  # no tolerance was given
    cases = json.loads(found.files["cases.json"])
    assert cases["notice"] == NOTICE
    assert len(cases["cases"]) == 5
    assert [c["dice"] for c in cases["cases"]] == sorted(c["dice"] for c in cases["cases"])
    assert cases["structures"]["tail"]["false_positives"] == 1
    page = found.files["report.html"]
    assert NOTICE in page
    assert page.count("data:image/png;base64,") == 5
    assert page.index(cases["cases"][0]["case"]) < page.index(cases["cases"][-1]["case"])


def test_volumes_without_labels_are_refused_before_anything_is_predicted(root: Path) -> None:
    with pytest.raises(DataError, match="has no 'semantic' to score against"):
        dataset(root, labels=None).metric("semantic", LabelSpace.of(NAMES))


def test_other_heads_bring_their_own_metric(root: Path) -> None:
    assert dataset(root).metric("class", LabelSpace.of(["a"])) is None


@pytest.mark.parametrize(
    ("tolerance", "why"),
    [({"head": 1.0, "tial": 1.0}, "no structure 'tial'. Did you mean tail"), ({"head": 1.0}, "none for 'tail'")],
)
def test_tolerances_are_checked_when_data_are_opened(root: Path, tolerance: dict[str, float], why: str) -> None:
    with pytest.raises(OptionError, match=why):
        dataset(root, tolerance=tolerance)


def test_the_real_hippocampi(shared_data: Callable[[str], Path]) -> None:
    data = dataset(
        shared_data("hippocampus"), patient="(.+)", folds=20, split="val", names=("background", "anterior", "posterior")
    )
    labels = data.label_spaces["semantic"]
    metric = data.metric("semantic", labels)
    metric.update(answers(data, labels, wrong=0))
    found = metric.compute()
    assert (found.metrics["Dice"], found.metrics["HD95"]) == (1, 0)
    assert len(json.loads(found.files["cases.json"])["cases"]) == 4

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, roc_curve

from hub import Classification, LabelSpace
from hub.errors import DataError
from hub_medical.errors import PatientOverlapError, StudyTableError
from hub_medical.metrics import auroc
from hub_medical.studies.finding_metric import FindingMetric
from hub_medical.studies.study_data import StudyImages
from hub_medical.studies.study_result import StudyScores

CLASSES = ("edema", "effusion")


@pytest.fixture
def open_table(tmp_path: Path) -> Callable[..., StudyImages]:
    """Call for a table of 8 × 8 pictures, three a patient: part and findings of each row, and options."""

    def make(parts: list[str], findings: np.ndarray, **options: Any) -> StudyImages:
        lines = ["path,person,part,edema,effusion"]
        for number, (part, row) in enumerate(zip(parts, findings, strict=True)):
            Image.fromarray(np.full((8, 8), number % 256, np.uint8)).save(tmp_path / f"{number}.png")
            cells = ",".join("" if math.isnan(v) else f"{v:g}" for v in row)
            lines.append(f"{number}.png,secret-{part}-{number // 3},{part},{cells}")
        (tmp_path / "studies.csv").write_text("\n".join(lines))
        chosen = {"root": str(tmp_path), "patient": "person", "classes": CLASSES, "part": "part", "draws": 100}
        return StudyImages(StudyImages.Options(**{**chosen, **options}))

    return make


def made(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Findings with gaps, and scores that know something of them but are far too sure."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, (count, 2)).astype(float)
    logits = 6 * (truth - 0.5) + random.normal(0, 6, truth.shape)
    truth[random.random(truth.shape) < 0.1] = np.nan
    return truth, 1 / (1 + np.exp(-logits))


def scored(data: StudyImages, scores: np.ndarray, labels: tuple[str, ...] = CLASSES) -> FindingMetric:
    metric = FindingMetric(data.studies, LabelSpace(labels))
    metric.update(
        [
            Classification(
                image_id=id_,
                size=(8, 8),
                scores=torch.tensor(scores[int(str(id_).removesuffix(".png"))], dtype=torch.float32),
                label_space=LabelSpace(labels),
            )
            for id_ in data.ids
        ]
    )
    return metric


def test_figures_of_one_part_with_what_another_part_chose(open_table: Callable[..., StudyImages]) -> None:
    truth, scores = made(600)
    parts = ["val"] * 300 + ["test"] * 300
    data = open_table(parts, truth, split="test", calibrate_on="val", specificity=0.8)
    assert data.ids[0] == "300.png"
    found = scored(data, scores).compute()
    for k, name in enumerate(CLASSES):
        known = ~np.isnan(truth[300:, k])
        wanted, given = truth[300:, k][known], scores[300:, k][known].astype(np.float32)
        one = found.per_class[name]
        assert one["AUROC"] == pytest.approx(roc_auc_score(wanted, given))
        assert one["AP"] == pytest.approx(average_precision_score(wanted, given))
        assert one["Brier"] == pytest.approx(brier_score_loss(wanted, given), abs=1e-6)
        known = ~np.isnan(truth[:300, k])
        false, _, thresholds = roc_curve(truth[:300, k][known], scores[:300, k][known].astype(np.float32))
        threshold = thresholds[1 - false >= 0.8].min()  # ours lies a little lower, right above a negative
        assert one["sensitivity"] == pytest.approx((given[wanted == 1] >= threshold).mean(), abs=0.02)
        assert one["Brier_scaled"] < one["Brier"]
        assert one["ECE_scaled"] < one["ECE"]
        for metric in ("AUROC", "AP", "sensitivity"):
            assert one[f"{metric}_low"] < one[metric] < one[f"{metric}_high"]
    assert found.main == "AUROC"
    assert found.metrics["AUROC"] == pytest.approx(np.mean([one["AUROC"] for one in found.per_class.values()]))
    assert found.metrics["AUROC_low"] < found.metrics["AUROC"] < found.metrics["AUROC_high"]


def test_scored_findings_choose_nothing(open_table: Callable[..., StudyImages]) -> None:
    """Other findings of the test part change its metrics, but neither threshold nor temperature."""
    truth, scores = made(120)
    parts = ["val"] * 60 + ["test"] * 60
    found = []
    for flip in (False, True):
        changed = truth.copy()
        changed[60:] = 1 - changed[60:] if flip else changed[60:]
        data = open_table(parts, changed, split="test", calibrate_on="val")
        found.append(json.loads(scored(data, scores).compute().files["cases.json"])["findings"]["edema"])
    assert found[0]["AUROC"] == pytest.approx(1 - found[1]["AUROC"])
    assert [one["threshold"] for one in found] == [found[0]["threshold"]] * 2
    assert [one["temperature"] for one in found] == [found[0]["temperature"]] * 2


def test_one_part_alone_says_what_it_cannot_tell(open_table: Callable[..., StudyImages]) -> None:
    truth, scores = made(60)
    data = open_table(["val"] * 60, truth, split="val")
    found = scored(data, scores).compute()
    missing = {name for name, value in found.metrics.items() if math.isnan(value)}
    assert missing == {
        "sensitivity",
        "sensitivity_low",
        "sensitivity_high",
        "specificity",
        "ECE_scaled",
        "Brier_scaled",
    }
    assert "nothing: set calibrate_on" in found.files["report.html"]
    known = ~np.isnan(truth[:, 0])
    value, interval = auroc(
        truth[known, 0], scores[known, 0].astype(np.float32), np.array(data.patients)[known].tolist()
    )
    assert found.per_class["edema"]["AUROC"] == pytest.approx(value)
    assert found.per_class["edema"]["AUROC_low"] == pytest.approx(interval.low, abs=0.05)


def test_the_report_shows_the_worst_first_and_names_no_patient(open_table: Callable[..., StudyImages]) -> None:
    truth = np.array([[1.0, 0.0], [0.0, np.nan], [1.0, 1.0]])
    scores = np.array([[0.9, 0.1], [0.6, 1.0], [0.9, 0.2]])
    metric = scored(open_table(["val"] * 3, truth, split="val"), scores)
    found = metric.compute()
    cases = json.loads(found.files["cases.json"])["cases"]
    assert [case["case"] for case in cases] == ["2.png", "1.png", "0.png"]
    assert cases[1]["findings"]["effusion"]["truth"] is None
    assert not any("secret" in text for text in found.files.values())
    assert found.files["report.html"].count("<img") == 3


def test_attention_is_told_and_its_first_slice_shown(open_table: Callable[..., StudyImages]) -> None:
    data = open_table(["val"] * 3, np.zeros((3, 2)), split="val")
    object.__setattr__(data.case, "kind", "slices")  # a picture is a stack of one slice, seen twice
    metric = FindingMetric(data.studies, LabelSpace(CLASSES))
    metric.update(
        [
            StudyScores(
                image_id=id_,
                size=(8, 8),
                scores=torch.tensor([0.1, 0.2]),
                label_space=LabelSpace(CLASSES),
                attention=torch.tensor([0.25, 0.75]),
            )
            for id_ in data.ids
        ]
    )
    other = pickle.loads(pickle.dumps(metric))
    empty = FindingMetric(data.studies, LabelSpace(CLASSES))
    empty.merge([other])
    found = empty.compute()
    assert json.loads(found.files["cases.json"])["cases"][0]["attention"] == [0.25, 0.75]
    assert "0 (75%), 0 (25%)" in found.files["report.html"]


def test_classes_are_matched_by_name(open_table: Callable[..., StudyImages]) -> None:
    truth, scores = made(60)
    data = open_table(["val"] * 60, truth, split="val")
    turned = scored(data, scores[:, ::-1].copy(), CLASSES[::-1]).compute()
    assert turned.metrics == pytest.approx(scored(data, scores).compute().metrics, nan_ok=True)
    metric = FindingMetric(data.studies, LabelSpace(CLASSES))
    with pytest.raises(DataError, match="has no image 'strange'"):
        metric.update(
            [Classification(image_id="strange", size=(1, 1), scores=torch.zeros(2), label_space=LabelSpace(CLASSES))]
        )


def test_bad_tables(open_table: Callable[..., StudyImages]) -> None:
    with pytest.raises(PatientOverlapError):
        open_table(["val", "test", "val"], np.zeros((3, 2)), split="val", patient="edema")
    with pytest.raises(StudyTableError, match="line 2, edema: an uncertain finding"):
        open_table(["val"], np.array([[-1.0, 0.0]]), split="val")
    data = open_table(["val"], np.array([[-1.0, -1.0]]), split="val", uncertain={"edema": "one", "effusion": "mask"})
    np.testing.assert_array_equal(data.findings, [[1, np.nan]])
    with pytest.raises(StudyTableError, match="no column 'oedema'"):
        open_table(["val"], np.zeros((1, 2)), classes=("oedema",))
    keyed = open_table(["val"] * 4, np.zeros((4, 2)), patient="path", patient_key=r"(\d)")
    assert keyed.patients == ["0", "1", "2", "3"]

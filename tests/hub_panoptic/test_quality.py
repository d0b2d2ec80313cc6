"""Panoptic quality: COCO's evaluation on the same files, the definition by sets, torchmetrics, and properties."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_panoptic.ids import ids_to_png
from hub_panoptic.quality import count_segments, qualities
from hub_panoptic.truth import PanopticTruth

CLASSES = 4  # of which the first two are things
SHAPE = (9, 12)
Prediction = tuple[np.ndarray, np.ndarray, np.ndarray]  # segments, ids, labels


def random_segments(rng: np.random.Generator, near: np.ndarray | None = None) -> Prediction:
    """Draw overlapping rectangles, some on top of a given map; ids up to 256³ − 1 and some void."""
    choices = rng.choice(256**3 - 1, 7, replace=False) + 1
    segments = np.zeros(SHAPE, np.int64) if near is None else near.copy()
    for id_ in [*choices, 0][: 8 if near is None else 3]:
        y, x = rng.integers(0, 8), rng.integers(0, 11)
        segments[y : y + rng.integers(2, 7), x : x + rng.integers(2, 9)] = id_
    ids = rng.permutation(np.setdiff1d(segments, [0]))
    return segments, ids, rng.integers(0, CLASSES, len(ids))


def random_pair(seed: int, *, crowds: bool = True) -> tuple[PanopticTruth, Prediction]:
    """Draw an annotation, and a prediction similar to it."""
    rng = np.random.default_rng(seed)
    segments, ids, labels = random_segments(rng)
    crowd = (rng.random(len(ids)) < 0.3) & (labels < 2) & crowds
    answer, found, kinds = random_segments(rng, segments)
    for k, id_ in enumerate(found):
        if id_ in ids and rng.random() < 0.9:
            kinds[k] = labels[ids == id_][0]
    return PanopticTruth(segments, ids, labels, crowd), (answer, found, kinds)


def by_sets(truth: PanopticTruth, prediction: Prediction) -> np.ndarray:
    """Return the counts as the paper and COCO's page define them."""
    segments, ids, labels = prediction
    pixels = {int(i): {tuple(at) for at in np.argwhere(segments == i)} for i in ids}
    annotated = {int(i): {tuple(at) for at in np.argwhere(truth.segments == i)} for i in truth.ids}
    void = {tuple(at) for at in np.argwhere(~np.isin(truth.segments, truth.ids))}
    counts = np.zeros((4, CLASSES))
    matched, taken = set(), set()
    crowds: dict[int, set[Any]] = {}
    for i, label, crowd in zip(truth.ids.tolist(), truth.labels.tolist(), truth.crowd.tolist(), strict=True):
        if crowd:
            crowds[label] = annotated[i]
            continue
        for j, kind in zip(ids.tolist(), labels.tolist(), strict=True):
            union = (annotated[i] | pixels[j]) - void
            if kind == label and len(annotated[i] & pixels[j]) / len(union) > 0.5:
                counts[:2, label] += len(annotated[i] & pixels[j]) / len(union), 1
                matched.add(i)
                taken.add(j)
        counts[3, label] += i not in matched
    for j, kind in zip(ids.tolist(), labels.tolist(), strict=True):
        ignored = len(pixels[j] & (void | crowds.get(kind, set())))
        counts[2, kind] += j not in taken and ignored / len(pixels[j]) <= 0.5
    return counts


def save(folder: Path, name: str, annotations: list[tuple[np.ndarray, list[dict[str, Any]]]]) -> str:
    (folder / name).mkdir()
    entries = []
    for image, (segments, infos) in enumerate(annotations):
        (folder / name / f"{image}.png").write_bytes(ids_to_png(segments))
        entries.append({"image_id": image, "file_name": f"{image}.png", "segments_info": infos})
    content = {
        "images": [
            {"id": i, "height": SHAPE[0], "width": SHAPE[1], "file_name": f"{i}.jpg"} for i in range(len(entries))
        ],
        "annotations": entries,
        "categories": [{"id": 10 * k, "name": f"class {k}", "isthing": int(k < 2)} for k in range(CLASSES)],
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content))
    return str(path)


@pytest.mark.parametrize("reference", ["hotcoco.panoptic", "panopticapi.evaluation"])
def test_metrics_match_coco_panoptic_evaluation_on_the_same_files(reference: str, tmp_path: Path) -> None:
    module = pytest.importorskip(reference, reason=f"{reference} is not installed")
    pairs = [random_pair(seed) for seed in range(60)]
    truths = save(
        tmp_path,
        "truth",
        [
            (
                t.segments,
                [
                    {"id": int(i), "category_id": 10 * int(k), "iscrowd": int(c), "area": int((t.segments == i).sum())}
                    for i, k, c in zip(t.ids, t.labels, t.crowd, strict=True)
                ],
            )
            for t, _ in pairs
        ],
    )
    answers = save(
        tmp_path,
        "answers",
        [
            (s, [{"id": int(i), "category_id": 10 * int(k)} for i, k in zip(ids, labels, strict=True)])
            for _, (s, ids, labels) in pairs
        ],
    )
    expected = module.pq_compute(truths, answers)
    counts = sum(count_segments(truth, *answer, classes=CLASSES) for truth, answer in pairs)
    assert isinstance(counts, np.ndarray)
    assert counts[1:].min() > 0, "the pairs have matches and mistakes of every class"
    found = np.stack(qualities(counts))
    for group, chosen in (("All", slice(None)), ("Things", slice(0, 2)), ("Stuff", slice(2, 4))):
        theirs = [expected[group][name] for name in ("pq", "sq", "rq")]
        assert found[:, chosen].mean(1) == pytest.approx(theirs, rel=1e-12)
    for k in range(CLASSES):
        theirs = [expected["per_class"][10 * k][name] for name in ("pq", "sq", "rq")]
        assert found[:, k] == pytest.approx(theirs, rel=1e-12)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_counts_match_the_definition(seed: int) -> None:
    truth, answer = random_pair(seed)
    assert count_segments(truth, *answer, classes=CLASSES) == pytest.approx(by_sets(truth, answer))


def test_metrics_match_torchmetrics_where_definitions_agree() -> None:
    """Without crowds, and with one segment per stuff class, because the format of torchmetrics cannot represent two."""
    from torchmetrics.detection import PanopticQuality

    theirs = PanopticQuality(
        things={0, 1}, stuffs={2, 3}, allow_unknown_preds_category=True, return_sq_and_rq=True, return_per_class=True
    )
    counts = np.zeros((4, CLASSES))
    for seed in range(40):
        truth, (segments, ids, labels) = random_pair(seed, crowds=False)
        truth = _one_of_each_stuff(truth.segments, truth.ids, truth.labels)
        answer = _one_of_each_stuff(segments, ids, labels)
        counts += count_segments(truth, answer.segments, answer.ids, answer.labels, classes=CLASSES)
        theirs.update(_with_classes(answer), _with_classes(truth))
    np.testing.assert_allclose(np.stack(qualities(counts)).T, theirs.compute().numpy(), rtol=1e-5)


def _one_of_each_stuff(segments: np.ndarray, ids: np.ndarray, labels: np.ndarray) -> PanopticTruth:
    for kind in (2, 3):
        own = ids[labels == kind]
        segments = np.where(np.isin(segments, own), own[0] if len(own) else 0, segments)
    left = np.isin(ids, segments)
    return PanopticTruth(segments, ids[left], labels[left], np.zeros(left.sum(), bool))


def _with_classes(one: PanopticTruth) -> torch.Tensor:
    """Return (1, H, W, 2): class and instance; void has its own class."""
    out = np.zeros((1, *one.segments.shape, 2), np.int64)
    out[..., 0] = 99
    for id_, label in zip(one.ids, one.labels, strict=True):
        out[0][one.segments == id_] = label, id_ if label < 2 else 0
    return torch.from_numpy(out)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_a_perfect_prediction_has_quality_1(seed: int) -> None:
    truth, _ = random_pair(seed, crowds=False)
    pq, sq, rq = qualities(count_segments(truth, truth.segments, truth.ids, truth.labels, classes=CLASSES))
    for values in (pq, sq, rq):
        assert np.all(np.isnan(values) | (values == 1.0))
        assert np.array_equal(~np.isnan(values), np.isin(np.arange(CLASSES), truth.labels))


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_only_the_partition_by_ids_matters(seed: int) -> None:
    truth, (segments, ids, labels) = random_pair(seed)
    rng = np.random.default_rng(seed)
    new = rng.choice(256**3 - 1, len(ids), replace=False) + 1
    renamed = np.zeros_like(segments)
    for old, other in zip(ids, new, strict=True):
        renamed[segments == old] = other
    order = rng.permutation(len(ids))
    before = count_segments(truth, segments, ids, labels, classes=CLASSES)
    assert count_segments(truth, renamed, new[order], labels[order], classes=CLASSES) == pytest.approx(before)


def test_segments_on_void_or_a_crowd_are_not_false_positives() -> None:
    truth = PanopticTruth(np.array([[1, 1, 1, 0, 0, 0]]), np.array([1]), np.array([0]), np.array([True]))
    for pixels, label, wrong in (([0, 1], 0, 0), ([0, 1], 1, 1), ([2, 3], 0, 0), ([2, 3], 1, 1), ([3, 4], 1, 0)):
        segments = np.zeros((1, 6), np.int64)
        segments[0, pixels] = 5
        counts = count_segments(truth, segments, np.array([5]), np.array([label]), classes=2)
        assert counts[2].sum() == wrong, (pixels, label)
        assert counts[[1, 3]].sum() == 0

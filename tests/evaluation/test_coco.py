"""COCO's metrics against pycocotools reading the same annotations and results."""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import logging
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from hub.contract.dataset import Dataset
from hub.contract.metric import Evaluation
from hub.contract.packed import PackedBytes, PackedInstances
from hub.contract.results import Detections
from hub.contract.sample import Sample
from hub.errors import ContractError, DataError, LabelMismatchError, OptionError
from hub.evaluation import CocoMetric, coco_backend
from hub.labels import LabelSpace

NAMES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]
KEYPOINT_NAMES = ["AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl"]
Json = dict[str, Any]


class Packed(Dataset):
    """Annotations in COCO's format, packed as the contract says; without images."""

    def __init__(self, data: Json, *, image_ids: dict[int, int | str] | None = None) -> None:
        self.name = "annotations.json"
        cats = data["categories"]
        labels = LabelSpace(tuple(c["name"] for c in cats), tuple(c["id"] for c in cats))
        self.label_spaces = {"instances": labels}
        self.provides = frozenset({"boxes"})
        self.ids = [(image_ids or {}).get(i["id"], i["id"]) for i in data["images"]]
        self.sizes = np.array([[i["height"], i["width"]] for i in data["images"]], np.int64)
        groups = [[a for a in data["annotations"] if a["image_id"] == i["id"]] for i in data["images"]]
        anns = [a for group in groups for a in group]
        xywh = np.array([a["bbox"] for a in anns], np.float64).reshape(-1, 4)
        points = np.array([a["keypoints"] for a in anns if "keypoints" in a], np.float32)
        self.instances = PackedInstances(
            offsets=np.cumsum([0, *map(len, groups)]),
            ids=np.array([a["id"] for a in anns], np.int64),
            boxes=np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], 1),
            labels=np.array([labels.ids.index(a["category_id"]) for a in anns], np.int64),
            crowd=np.array([a["iscrowd"] for a in anns], bool),
            area=np.array([a["area"] for a in anns], np.float64),
            usable=np.ones(len(anns), bool),
            segments=PackedBytes.pack(
                json.dumps(a["segmentation"]).encode() if "segmentation" in a else b"" for a in anns
            ),
            keypoints=points.reshape(len(anns), -1, 3) if len(points) else None,
        )

    def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
        raise AssertionError("a metric must not load images")


def oracle(data: Json, records: list[Json], iou_type: str = "bbox", sigmas: Any = None) -> tuple[np.ndarray, Any]:
    """Return the stats and the precision array of pycocotools."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = json.loads(json.dumps(data))
        truth.createIndex()
        run = COCOeval(truth, truth.loadRes(json.loads(json.dumps(records))), iou_type)
        if sigmas is not None:
            run.params.kpt_oks_sigmas = sigmas
        run.evaluate()
        run.accumulate()
        run.summarize()
    return np.where(run.stats == -1, np.nan, run.stats), run.eval["precision"]


def assert_equal(evaluation: Evaluation, stats: np.ndarray, precision: np.ndarray, names: list[str] = NAMES) -> None:
    assert list(evaluation.metrics) == names
    np.testing.assert_allclose(list(evaluation.metrics.values()), stats, rtol=0, atol=1e-9)
    for k, per_class in enumerate(evaluation.per_class.values()):
        for name, values in {"AP": precision[:, :, k, 0, -1], "AP50": precision[0, :, k, 0, -1]}.items():
            expected = values[values > -1].mean() if (values > -1).any() else np.nan
            np.testing.assert_allclose(per_class[name], expected, rtol=0, atol=1e-9)


def annotations(seed: int, *, keypoints: int = 0) -> Json:
    """Images with and without objects, crowds, gaps in the ids, and areas that are not their boxes'."""
    rng = np.random.default_rng(seed)
    image_ids = rng.permutation(np.arange(10, 500, 7))[:9].tolist()
    cats = [{"id": i, "name": f"class {i}"} for i in (2, 3, 5, 90)]
    anns: list[Json] = []
    for image in image_ids[:-2]:  # the last two are empty
        for _ in range(int(rng.integers(1, 9))):
            x, y = rng.uniform(0, 150, 2)
            w, h = np.exp(rng.uniform(2, 4.8, 2))
            ann: Json = {"id": len(anns) + 1, "image_id": image, "category_id": int(rng.choice([2, 3, 5]))}
            ann |= {
                "bbox": [x, y, w, h],
                "area": w * h * rng.uniform(0.3, 1),
                "iscrowd": int(rng.random() < 0.15),
            }
            ann["segmentation"] = [[x, y, x + w, y, x + w / 2, y + h]]
            if keypoints:
                xy = rng.uniform([x, y], [x + w, y + h], (keypoints, 2)).astype(np.float32)
                seen = rng.integers(0, 3, (keypoints, 1)) * (rng.random() > 0.2)
                ann["keypoints"] = np.concatenate([xy, seen], 1).ravel().tolist()
                ann["num_keypoints"] = int((seen > 0).sum())
            anns.append(ann)
    images = [{"id": i, "height": 260, "width": 280} for i in image_ids]
    return {"images": images, "categories": cats, "annotations": anns}


def detections(data: Json, seed: int, *, skip: int = 1, many: int = 0) -> list[Detections]:
    """Return shifted and repeated copies of annotated objects, with wrong classes, equal scores and false positives."""
    rng = np.random.default_rng(seed)
    labels = LabelSpace(tuple(c["name"] for c in data["categories"]), tuple(c["id"] for c in data["categories"]))
    found = []
    for number, image in enumerate(data["images"][skip:]):
        anns = [a for a in data["annotations"] if a["image_id"] == image["id"] for _ in range(3)]
        xywh = np.array([a["bbox"] for a in anns]).reshape(-1, 4)
        xywh = xywh + rng.normal(0, 0.06, xywh.shape) * xywh[:, [2, 3, 2, 3]]
        extra = rng.uniform(5, 90, (many if number == 0 else 4, 4))
        xywh = np.concatenate([xywh, extra]).clip(1)
        classes = np.array([labels.ids.index(a["category_id"]) for a in anns], np.int64)
        classes = np.where(rng.random(len(classes)) < 0.1, 3, classes)
        classes = np.concatenate([classes, rng.integers(0, 4, len(extra))])
        boxes = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], 1).astype(np.float32)
        found.append(
            Detections(
                image_id=image["id"],
                size=(image["height"], image["width"]),
                boxes=torch.from_numpy(boxes),
                scores=torch.from_numpy(rng.random(len(boxes)).astype(np.float32).round(1)),
                labels=torch.from_numpy(classes),
                label_space=labels,
            )
        )
    return found


def box_records(found: list[Detections]) -> list[Json]:
    """As `Detections.to_records`, without its rounding."""
    return [
        {
            "image_id": one.image_id,
            "category_id": one.label_space.ids[label],
            "score": score,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
        }
        for one in found
        for (x1, y1, x2, y2), score, label in zip(
            one.boxes.tolist(), one.scores.tolist(), one.labels.tolist(), strict=True
        )
    ]


def metric_of(data: Json, found: list[Detections], iou_type: str = "bbox", **options: Any) -> CocoMetric:
    metric = CocoMetric(Packed(data), found[0].label_space, iou_type, **options)
    metric.update(found)
    return metric


@pytest.mark.parametrize("seed", range(12))
def test_boxes_match_pycocotools(seed: int) -> None:
    data = annotations(seed)
    found = detections(data, seed, skip=seed % 3, many=150 * (seed % 2))
    stats, precision = oracle(data, box_records(found))
    assert 0.05 < stats[0] < 0.95  # otherwise the comparison would mean little
    assert_equal(metric_of(data, found).compute(), stats, precision)


@pytest.mark.parametrize("seed", range(2))
def test_pycocotools_is_an_equal_fallback_and_logged_once(
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    data = annotations(seed)
    found = detections(data, seed)
    fast = metric_of(data, found).compute()
    real_import = builtins.__import__

    def no_hotcoco(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "hotcoco":
            raise ImportError("no wheel for this machine")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_hotcoco)
    coco_backend._has_hotcoco.cache_clear()
    try:
        with caplog.at_level(logging.WARNING, "hub"):
            slow = [metric_of(data, found).compute() for _ in range(2)]
            assert CocoMetric(Packed(data), found[0].label_space).compute().metrics["AP"] == 0.0
    finally:
        coco_backend._has_hotcoco.cache_clear()
    for one in slow:
        np.testing.assert_array_equal(list(one.metrics.values()), list(fast.metrics.values()))
    assert caplog.text.count("hotcoco cannot be imported (no wheel for this machine)") == 1
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("seed", range(4))
def test_masks_give_pycocotools_metrics_with_the_area_of_the_mask(seed: int) -> None:
    data = annotations(seed)
    found = detections(data, seed)
    records = []
    for one in found:
        height, width = one.size
        polygons = [[x1, y1, x2, y1, (x1 + x2) / 2, y2] for x1, y1, x2, y2 in one.boxes.tolist()]
        rles = coco_mask.frPyObjects(polygons, height, width)
        one.masks = torch.from_numpy(coco_mask.decode(rles).transpose(2, 0, 1).astype(bool))
        for rle, label, score in zip(rles, one.labels.tolist(), one.scores.tolist(), strict=True):
            segment = {"size": rle["size"], "counts": rle["counts"].decode()}
            record = {"image_id": one.image_id, "category_id": one.label_space.ids[label], "score": score}
            records.append({**record, "segmentation": segment})
    stats, precision = oracle(data, records, "segm")
    assert 0.05 < stats[0] < 0.95
    assert_equal(metric_of(data, found, "segm").compute(), stats, precision)


@pytest.mark.parametrize(("count", "sigmas"), [(17, None), (5, None), (4, (0.02, 0.1, 0.05, 0.07))])
def test_keypoints_match_pycocotools(count: int, sigmas: tuple[float, ...] | None) -> None:
    data = annotations(count, keypoints=count)
    rng = np.random.default_rng(count)
    found = detections(data, 3, skip=0)
    records = []
    for one in found:
        anns = [a for a in data["annotations"] if a["image_id"] == one.image_id for _ in range(3)]
        points = rng.uniform(0, 200, (len(one), count, 3)).astype(np.float32)
        if anns:
            truth = np.array([a["keypoints"] for a in anns]).reshape(len(anns), count, 3)
            points[: len(anns)] = truth + rng.normal(0, 2, truth.shape) * [1, 1, 0]
        one.keypoints = torch.from_numpy(points)
        records += [
            {
                "image_id": one.image_id,
                "category_id": one.label_space.ids[k],
                "score": s,
                "keypoints": p.ravel().tolist(),
            }
            for k, s, p in zip(one.labels.tolist(), one.scores.tolist(), points, strict=True)
        ]
    expected = {17: None, 5: np.full(5, 0.05), 4: np.array([0.02, 0.1, 0.05, 0.07])}[count]
    stats, precision = oracle(data, records, "keypoints", expected)
    assert 0.05 < stats[0] < 0.95
    evaluation = metric_of(data, found, "keypoints", sigmas=sigmas).compute()
    assert_equal(evaluation, stats, precision, KEYPOINT_NAMES)


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
def test_real_annotations_against_pycocotools_reading_the_file(
    shared_data: Callable[[str], Path], iou_type: str
) -> None:
    file = shared_data("coco128") / "annotations" / "instances_train2017.json"
    data = json.loads(file.read_text())
    rng = np.random.default_rng(0)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(file)
    labels = LabelSpace(tuple(c["name"] for c in data["categories"]), tuple(c["id"] for c in data["categories"]))
    found, records = [], []
    for image in data["images"]:
        anns = truth.imgToAnns[image["id"]]
        masked = anns if iou_type == "segm" else []
        masks = [np.roll(truth.annToMask(a), rng.integers(-4, 5, 2), (0, 1)) for a in masked]
        xywh = np.array([a["bbox"] for a in anns]).reshape(-1, 4) + rng.normal(0, 3, (len(anns), 4))
        boxes = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:].clip(1)], 1).astype(np.float32)
        one = Detections(
            image_id=image["id"],
            size=(image["height"], image["width"]),
            boxes=torch.from_numpy(boxes),
            scores=torch.from_numpy(rng.random(len(anns)).astype(np.float32)),
            labels=torch.tensor([labels.ids.index(a["category_id"]) for a in anns], dtype=torch.int64),
            label_space=labels,
            masks=torch.from_numpy(np.array(masks, bool).reshape(-1, image["height"], image["width"])),
        )
        found.append(one)
        records += box_records([one]) if iou_type == "bbox" else []
        for a, mask, score in zip(masked, masks, one.scores.tolist()[: len(masked)], strict=True):
            rle = coco_mask.encode(np.asfortranarray(mask))
            rle["counts"] = rle["counts"].decode()
            records.append(
                {
                    "image_id": image["id"],
                    "category_id": a["category_id"],
                    "score": score,
                    "segmentation": rle,
                }
            )
    stats, precision = oracle(data, records, iou_type)
    assert 0.05 < stats[0] < 0.95
    assert_equal(metric_of(data, found, iou_type).compute(), stats, precision)


def test_the_area_of_an_object_is_the_annotated_one() -> None:
    data = annotations(0)
    data["annotations"] = [{**data["annotations"][0], "iscrowd": 0, "bbox": [10, 10, 100, 100], "area": 900.0}]
    [found] = [d for d in detections(data, 0, skip=0) if d.image_id == data["annotations"][0]["image_id"]]
    metrics = metric_of(data, [found]).compute().metrics
    assert metrics["ARs"] > 0
    assert math.isnan(metrics["ARl"])  # as a box of 100 × 100 it would be large


def test_perfect_detections_score_one_also_for_the_annotation_with_id_zero() -> None:
    data = annotations(1)
    data["annotations"][0]["id"] = 0  # pycocotools itself takes it for "not matched"
    for ann in data["annotations"]:
        ann["iscrowd"] = 0
    labels = LabelSpace(tuple(c["name"] for c in data["categories"]))
    dataset = Packed(data)
    boxes = torch.from_numpy(dataset.instances.boxes).float()
    found = []
    for i, image in enumerate(dataset.ids):
        rows = dataset.instances.of_image(i)
        classes = torch.from_numpy(dataset.instances.labels[rows])
        found.append(
            Detections(
                image_id=image,
                size=(260, 280),
                boxes=boxes[rows],
                scores=torch.ones(len(classes)),
                labels=classes,
                label_space=labels,
            )
        )
    evaluation = metric_of(data, found).compute()
    assert evaluation.metrics["AP"] == pytest.approx(1)
    assert evaluation.main == "AP"
    assert math.isnan(evaluation.per_class["class 90"]["AP"])  # no object of it


def test_objects_of_images_without_results_are_missed() -> None:
    data = annotations(2)
    found = detections(data, 2, skip=0)
    some = metric_of(data, found[:3]).compute().metrics["AR100"]
    assert some < metric_of(data, found).compute().metrics["AR100"]
    assert CocoMetric(Packed(data), found[0].label_space).compute().metrics["AP"] == 0.0


def test_a_dataset_without_any_object_has_no_defined_metric() -> None:
    data = {**annotations(0), "annotations": []}
    assert all(math.isnan(v) for v in metric_of(data, detections(data, 0)).compute().metrics.values())


def test_metrics_of_several_processes_merge_to_the_same_result_in_any_order() -> None:
    data = annotations(3)
    found = detections(data, 3, skip=0)
    whole = metric_of(data, found).compute().metrics
    metric = metric_of(data, found[2::3])
    sent = [pickle.dumps(metric_of(data, found[i::3])) for i in (0, 1)]
    assert len(sent[0]) < len(pickle.dumps(data)), "only detections are sent: every process has the annotations"
    metric.merge([pickle.loads(one) for one in sent])
    assert metric.compute().metrics == pytest.approx(whole, nan_ok=True, abs=0)


@pytest.mark.parametrize("merged", [False, True])
def test_an_image_given_twice_counts_once_with_its_first_results(merged: bool) -> None:
    data = annotations(4)
    found = detections(data, 4, skip=0)
    other = [d.above(0.7) for d in found]
    metric = metric_of(data, found)
    if merged:
        metric.merge([metric_of(data, other)])
    else:
        metric.update(other)
    assert metric.compute().metrics == pytest.approx(metric_of(data, found).compute().metrics, nan_ok=True, abs=0)


def test_text_ids_give_the_same_metrics_as_numbers_in_the_same_order() -> None:
    data = annotations(5)
    found = detections(data, 5)
    names: dict[int, int | str] = {i["id"]: f"street/{i['id']:06}.jpg" for i in data["images"]}
    metric = CocoMetric(Packed(data, image_ids=names), found[0].label_space)
    for one in found:
        metric.update([Detections(**{**vars(one), "image_id": names[one.image_id]})])
    assert metric.compute().metrics == pytest.approx(metric_of(data, found).compute().metrics, nan_ok=True, abs=0)


def test_classes_are_matched_by_name_and_unknown_ones_are_dropped_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = annotations(6)
    found = detections(data, 6)
    expected = metric_of(data, found).compute().metrics
    shuffled = LabelSpace(("zebra", *reversed(found[0].label_space.names), "tram"))
    moved = []
    for one in found:
        labels = torch.tensor([shuffled.index(name) for name in one.names])
        boxes, scores = one.boxes.repeat(2, 1), torch.cat([one.scores, torch.ones(len(one))])
        labels = torch.cat([labels, torch.zeros_like(labels)])  # as many zebras, all with score 1
        fields = {**vars(one), "boxes": boxes, "scores": scores, "labels": labels, "label_space": shuffled}
        moved.append(Detections(**fields))
    with caplog.at_level(logging.WARNING, "hub"):
        assert metric_of(data, moved).compute().metrics == pytest.approx(expected, nan_ok=True, abs=0)
    zebras = sum(map(len, found))
    assert f"annotations.json does not have the classes zebra, tram: ignored {zebras} detections" in caplog.text


def test_a_class_that_the_model_lacks_is_missed(caplog: pytest.LogCaptureFixture) -> None:
    data = annotations(6)
    with caplog.at_level(logging.WARNING, "hub"):
        metric = CocoMetric(Packed(data), LabelSpace(("class 2",)))
    assert "the model does not have the classes class 3, class 5, class 90" in caplog.text
    assert metric.compute().per_class["class 3"]["AP"] == 0.0


def test_an_object_without_a_mask_among_masks_counts_neither_as_missed_nor_as_found() -> None:
    data = annotations(7)
    labels = LabelSpace(tuple(c["name"] for c in data["categories"]))
    square = {"image_id": data["images"][0]["id"], "category_id": 2, "area": 400.0, "iscrowd": 0}
    data["annotations"] = [
        {**square, "id": 1, "bbox": [10, 10, 20, 20], "segmentation": [[10, 10, 30, 10, 30, 30, 10, 30]]},
        {**square, "id": 2, "bbox": [100, 100, 20, 20]},
    ]
    masks = torch.zeros(2, 260, 280, dtype=torch.bool)
    masks[0, 100:120, 100:120] = True  # on the object without a mask, with a higher score
    masks[1, 10:30, 10:30] = True
    found = Detections(
        image_id=square["image_id"],
        size=(260, 280),
        boxes=torch.zeros(2, 4),
        scores=torch.tensor([0.9, 0.8]),
        labels=torch.zeros(2, dtype=torch.int64),
        label_space=labels,
        masks=masks,
    )
    assert metric_of(data, [found], "segm").compute().metrics["AP"] == pytest.approx(1)


def test_an_image_of_another_dataset_is_rejected() -> None:
    data = annotations(0)
    found = detections(data, 0)
    found[0].image_id = 12345
    with pytest.raises(DataError, match=r"annotations.json has no image 12345"):
        metric_of(data, found)


def test_results_in_other_labels_are_rejected() -> None:
    data = annotations(0)
    metric = CocoMetric(Packed(data), LabelSpace(("class 2", "class 3")))
    with pytest.raises(LabelMismatchError, match="other labels"):
        metric.update(detections(data, 0))


def test_an_unknown_iou_type_suggests_the_nearest() -> None:
    data = annotations(0)
    with pytest.raises(OptionError, match="Did you mean bbox"):
        CocoMetric(Packed(data), LabelSpace(("class 2",)), "box")


def test_results_and_dataset_must_have_masks() -> None:
    data = annotations(0)
    found = detections(data, 0)
    with pytest.raises(ContractError, match="has no masks"):
        metric_of(data, found, "segm")
    found[0].masks = torch.zeros(len(found[0]), 10, 10, dtype=torch.bool)
    with pytest.raises(ContractError, match=r"masks of \(10, 10\) pixels for an image of \(260, 280\)"):
        metric_of(data, found[:1], "segm")
    with pytest.raises(DataError, match=r"annotations.json has no keypoints"):
        metric_of(data, found, "keypoints")


def test_there_must_be_as_many_sigmas_as_keypoints() -> None:
    data = annotations(0, keypoints=5)
    with pytest.raises(DataError, match="2 sigmas for the 5 keypoints"):
        CocoMetric(Packed(data), LabelSpace(("class 2",)), "keypoints", sigmas=(0.1, 0.1))


def test_a_metric_does_not_keep_the_dataset() -> None:
    metric = metric_of(annotations(0), detections(annotations(0), 0))
    assert not any(isinstance(value, Dataset) for value in vars(metric).values())

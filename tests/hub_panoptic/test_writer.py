"""Write COCO's panoptic format: round trips of datasets, and predictions for COCO's evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hotcoco.panoptic import pq_compute

from hub.contract import parse_options
from hub.data.formats.shapes import Shapes, ShapesOptions
from hub.data.writers.convert import convert
from hub.errors import DataError
from hub_panoptic.coco_panoptic import CocoPanoptic
from hub_panoptic.metric import PanopticMetric
from hub_panoptic.results import PanopticMap, Segment
from hub_panoptic.truth import PanopticTruth, truth_of
from hub_panoptic.writer import write_results


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Shapes:
    root = tmp_path_factory.mktemp("shapes") / "data"
    return Shapes(ShapesOptions(root=str(root), split="val", train=1, val=8, size=64))


def converted(source: Any, out: Path) -> CocoPanoptic:
    (section,) = convert({"val": source}, "coco-panoptic", out).sections.values()
    options = {k: v for k, v in section.items() if k != "format"}
    return CocoPanoptic(parse_options(CocoPanoptic.Options, {"root": str(out), **options}, owner="test"))


def same(one: PanopticTruth, other: PanopticTruth) -> bool:
    order, other_order = np.argsort(one.ids), np.argsort(other.ids)
    return np.array_equal(one.segments, other.segments) and all(
        np.array_equal(getattr(one, name)[order], getattr(other, name)[other_order])
        for name in ("ids", "labels", "crowd")
    )


def test_shapes_survive_a_round_trip(shapes: Shapes, tmp_path: Path) -> None:
    data = converted(shapes, tmp_path / "out")
    assert data.ids == shapes.ids
    for name in ("panoptic", "semantic"):
        assert data.label_spaces[name].names == shapes.label_spaces[name].names
    for index in range(len(data)):
        assert same(truth_of(data, index), truth_of(shapes, index))
        needs = frozenset({"masks", "semantic"})
        mine, theirs = data.load(index, needs), shapes.load(index, needs)
        assert np.array_equal(mine.maps["semantic"], theirs.maps["semantic"])
        assert mine.instances is not None
        assert theirs.instances is not None
        assert np.array_equal(mine.instances.boxes, theirs.instances.boxes)
        assert mine.instances.masks is not None
        assert theirs.instances.masks is not None
        assert np.array_equal(mine.instances.masks.planes(), theirs.instances.masks.planes())


def test_crowds_id_gaps_and_void_survive_a_round_trip(
    write_panoptic: Callable[..., Path], scene: Any, tmp_path: Path
) -> None:
    options = {"root": str(write_panoptic([scene])), "images": "val", "annotations": "annotations/panoptic_val.json"}
    source = CocoPanoptic(parse_options(CocoPanoptic.Options, options, owner="test"))
    data = converted(source, tmp_path / "out")
    assert same(truth_of(data, 0), truth_of(source, 0))
    assert data.label_spaces == source.label_spaces
    assert np.array_equal(data.instances.crowd, source.instances.crowd)


def test_datasets_without_masks_are_refused(shapes: Shapes, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="need its semantic"):
        convert({"val": shapes}, "coco-panoptic", tmp_path / "out", only=frozenset({"boxes", "masks"}))
    assert not (tmp_path / "out").exists()


def test_written_predictions_score_the_same_in_coco_panoptic_evaluation(shapes: Shapes, tmp_path: Path) -> None:
    data = converted(shapes, tmp_path / "out")
    labels = data.label_spaces["panoptic"]
    results = []
    for index in range(len(data)):  # the prediction for each image is the truth of the next one
        truth = truth_of(data, (index + index % 3 // 2) % len(data))
        results.append(
            PanopticMap(
                image_id=data.ids[index],
                size=(64, 64),
                segments=torch.from_numpy(truth.segments.astype(np.int32)),
                segments_info=[
                    Segment(id=id_, label=label, isthing=True, area=int((truth.segments == id_).sum()), score=0.5)
                    for id_, label in zip(truth.ids.tolist(), truth.labels.tolist(), strict=True)
                ],
                label_space=labels,
            )
        )
    path = write_results(results, tmp_path / "answers.json")
    assert json.loads(path.read_text())["annotations"][0]["file_name"] == "000000000001.png"
    theirs = pq_compute(str(tmp_path / "out/annotations/panoptic_val.json"), str(path))
    metric = PanopticMetric(data, labels)
    metric.update(results)
    found = metric.compute().metrics
    assert 0.1 < found["PQ"] < 0.95
    for group, suffix in (("All", ""), ("Things", "_things"), ("Stuff", "_stuff")):
        for name in ("PQ", "SQ", "RQ"):
            assert found[f"{name}{suffix}"] == pytest.approx(theirs[group][name.lower()], rel=1e-12)

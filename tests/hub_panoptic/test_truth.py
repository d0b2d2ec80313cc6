"""Segments made from masks and a semantic map, and the metric over them."""

from __future__ import annotations

import pickle
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import hub
from hub import LabelSpace
from hub.contract.instance_masks import InstanceMasks
from hub.data import Instances, Sample
from hub.errors import ContractError, DataError
from hub_panoptic.metric import PanopticMetric
from hub_panoptic.results import PanopticMap, Segment
from hub_panoptic.truth import PanopticTruth, truth_of

SPACES = {"instances": LabelSpace.of(["cat", "dog"]), "semantic": LabelSpace.of(["sky", "dog", "grass"])}


def data(masks: Any, labels: Any, semantic: Any, crowd: Any = None) -> Any:
    masks, semantic = np.array(masks, np.uint8), np.array(semantic, np.uint8)

    def load(index: int, needs: frozenset[str]) -> Sample:
        objects = Instances(
            boxes=np.zeros((len(masks), 4), np.float32),
            labels=np.array(labels),
            crowd=np.zeros(len(masks), bool) if crowd is None else np.array(crowd),
            masks=InstanceMasks.from_planes(masks),
        )
        image = np.zeros((*semantic.shape, 3), np.uint8)
        return Sample(image, 3, Path("x.png"), image.shape[:2], instances=objects, maps={"semantic": semantic})

    return SimpleNamespace(
        name="yard", ids=[3], provides={"boxes", "masks", "semantic"}, label_spaces=SPACES, load=load
    )


def named(truth: PanopticTruth, names: tuple[str, ...]) -> list[list[str]]:
    by_id = dict(zip(truth.ids.tolist(), (names[k] for k in truth.labels.tolist()), strict=True))
    return [[by_id.get(value, "") for value in row] for row in truth.segments.tolist()]


def test_objects_cover_stuff_and_smaller_objects_cover_larger_ones() -> None:
    cat, dog, dogs = [[1, 1, 1, 0, 0, 0, 0]], [[0, 0, 1, 0, 0, 0, 0]], [[0, 1, 1, 1, 0, 0, 0]]
    # sky, sky, dog, dog (without an object: void), grass, unlabeled
    found = truth_of(data([cat, dog, dogs], [0, 1, 1], [[0, 0, 1, 1, 1, 2, 255]], [False, False, True]), 0)
    assert named(found, ("cat", "dog", "sky", "grass")) == [["cat", "cat", "dog", "dog", "", "grass", ""]]
    assert dict(zip(found.ids.tolist(), found.crowd.tolist(), strict=True)) == {1: False, 2: False, 3: True, 4: False}


def test_a_fully_covered_object_is_not_a_segment() -> None:
    both = [[1, 1]]
    found = truth_of(data([both, both], [0, 1], [[0, 0]]), 0)
    assert len(found.ids) == 1
    assert len(np.unique(found.segments)) == 1


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from hub.data.formats.shapes import Shapes, ShapesOptions

    root = tmp_path_factory.mktemp("shapes") / "data"
    return Shapes(ShapesOptions(root=str(root), split="val", train=1, val=6, size=64))


def answer(truth: PanopticTruth, image_id: Any, labels: LabelSpace, *, of: LabelSpace) -> PanopticMap:
    """Return the annotation as a prediction with other ids."""
    return PanopticMap(
        image_id=image_id,
        size=truth.segments.shape,  # type: ignore[arg-type]
        segments=torch.from_numpy(np.where(truth.segments > 0, truth.segments + 7, 0).astype(np.int32)),
        segments_info=[
            Segment(id=id_ + 7, label=labels.index(of.names[k]), isthing=True, area=1)
            for id_, k in zip(truth.ids.tolist(), truth.labels.tolist(), strict=True)
        ],
        label_space=labels,
    )


def test_shapes_are_scored_with_classes_matched_by_name(shapes: Any) -> None:
    own = shapes.label_spaces["panoptic"]
    other = LabelSpace.of([*reversed(own.names), "moon"])
    results = [answer(truth_of(shapes, i), shapes.ids[i], other, of=own) for i in range(6)]
    found = PanopticMetric(shapes, other)
    found.update(results)
    evaluation = found.compute()
    assert set(evaluation.metrics.values()) == {1.0}
    assert evaluation.main == "PQ"
    assert evaluation.per_class["background"]["PQ"] == 1.0

    results[0].segments_info = [*results[0].segments_info[:-1], hub_segment(results[0], "moon")]
    worse = PanopticMetric(shapes, other)
    worse.update(results)
    assert worse.compute().metrics["RQ"] < 1.0
    assert worse.unknown == 1


def hub_segment(result: PanopticMap, name: str) -> Segment:
    last = result.segments_info[-1]
    return Segment(id=last.id, label=result.label_space.index(name), isthing=False, area=last.area)


def test_merged_parts_give_the_same_and_repeated_images_count_once(shapes: Any) -> None:
    own = shapes.label_spaces["panoptic"]
    results = [answer(truth_of(shapes, i), shapes.ids[k], own, of=own) for k, i in enumerate((1, 0, 2, 3, 4, 5))]
    whole, first, second = (PanopticMetric(shapes, own) for _ in range(3))
    whole.update(results)
    first.update([results[0], results[0], results[3]])
    second.update([results[i] for i in (1, 2, 4, 5)])
    first.merge([pickle.loads(pickle.dumps(second))])
    np.testing.assert_equal(asdict(first.compute()), asdict(whole.compute()))  # treats NaNs as equal
    assert 0 < whole.compute().metrics["PQ"] < 1


def test_a_map_of_another_size_is_resized(shapes: Any) -> None:
    own = shapes.label_spaces["panoptic"]
    result = answer(truth_of(shapes, 0), shapes.ids[0], own, of=own)
    result.segments = result.segments.repeat_interleave(2, 0).repeat_interleave(2, 1)
    metric = PanopticMetric(shapes, own)
    metric.update([result])
    assert metric.compute().metrics["PQ"] == 1.0


def test_unscorable_data_and_results_are_refused(shapes: Any) -> None:
    bare = SimpleNamespace(name="boxes only", provides={"boxes"}, label_spaces={})
    with pytest.raises(DataError, match="boxes only has no masks and no semantic"):
        PanopticMetric(bare, SPACES["instances"])  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="is a Result, not a PanopticMap"):
        PanopticMetric(shapes, SPACES["instances"]).update([hub.Result(image_id=shapes.ids[0], size=(64, 64))])

"""Batches do not depend on the number of workers, and errors of workers keep their class and message."""

from __future__ import annotations

import pickle
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from hub.contract.batch import Batch
from hub.data.formats.shapes import Shapes, ShapesOptions
from hub.data.loading.loader import Loader, TrainBatch, eval_loader, train_loader
from hub.data.loading.pipeline import Pipeline
from hub.data.loading.sampler import GroupedBatchSampler
from hub.data.transforms import Transform
from hub.errors import ImageError

AUGMENT = [
    {"name": "scale_jitter", "low": 0.5, "high": 1.5, "size": [64, 64]},
    {"name": "horizontal_flip"},
    {"name": "color_jitter", "p": 1.0},
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Shapes:
    root = tmp_path_factory.mktemp("data") / "shapes"
    return Shapes(ShapesOptions(root=str(root), train=10, val=1, size=64))


@pytest.fixture
def pipeline(dataset: Shapes) -> Pipeline:
    return Pipeline(dataset, Transform.parse(AUGMENT), needs=dataset.provides, seed=3)


def train(pipeline: Pipeline, steps: int, **options: Any) -> list[TrainBatch]:
    sampler = GroupedBatchSampler(pipeline.dataset.sizes, batch_size=4, seed=7)
    return list(islice(train_loader(pipeline, sampler, **options), steps))


def assert_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif hasattr(one, "__dataclass_fields__"):
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name))
    else:
        assert one == other


def test_batches_are_the_same_for_any_number_of_workers(pipeline: Pipeline) -> None:
    alone = train(pipeline, 5)
    assert [(b.epoch, b.step) for b in alone] == [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4)]
    for workers in (1, 2):
        for expected, found in zip(alone, train(pipeline, 5, workers=workers), strict=True):
            assert_same(expected, found)


def test_an_epoch_later_the_same_image_looks_otherwise(pipeline: Pipeline) -> None:
    seen: dict[Any, set[bytes]] = {}
    for step in train(pipeline, 6):
        for id_, image in zip(step.batch.ids, step.batch.images, strict=True):
            seen.setdefault(id_, set()).add(image.numpy().tobytes())
    assert max(len(looks) for looks in seen.values()) == 3  # of three epochs


def test_resuming_gives_the_rest_of_the_run(pipeline: Pipeline) -> None:
    for expected, found in zip(train(pipeline, 6)[3:], train(pipeline, 3, start_step=3), strict=True):
        assert_same(expected, found)


def test_loading_leaves_the_global_generators_alone(pipeline: Pipeline) -> None:
    torch.manual_seed(0)
    train(pipeline, 2)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))


@pytest.mark.parametrize("workers", [0, 2])
def test_evaluation_gives_every_image_once_in_order_again_and_again(dataset: Shapes, workers: int) -> None:
    pipeline = Pipeline(dataset, Transform())
    loader = eval_loader(pipeline, batch_size=4, workers=workers)
    assert len(loader) == 3
    for _ in range(2):
        batches = list(loader)
        assert all(isinstance(batch, Batch) for batch in batches)
        assert [id_ for batch in batches for id_ in batch.ids] == dataset.ids
        assert [len(batch) for batch in batches] == [4, 4, 2]


def test_evaluation_is_split_over_processes(dataset: Shapes) -> None:
    pipeline = Pipeline(dataset, Transform())
    ids = [
        id_
        for rank in (0, 1)
        for batch in eval_loader(pipeline, batch_size=3, rank=rank, world_size=2)
        for id_ in batch.ids
    ]
    assert sorted(ids) == dataset.ids


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_in_a_worker_arrives_as_it_was_raised(tmp_path: Path, workers: int) -> None:
    dataset = Shapes(ShapesOptions(root=str(tmp_path / "shapes"), train=4, val=1, size=32))
    broken = dataset.path(2)
    broken.write_bytes(b"not a JPEG")
    loader = eval_loader(Pipeline(dataset, Transform()), batch_size=1, workers=workers)
    with pytest.raises(ImageError) as expected:
        dataset.load(2, frozenset())
    with pytest.raises(ImageError) as caught:
        list(loader)
    assert str(caught.value) == str(expected.value)
    assert str(broken) in str(caught.value)
    assert caught.value.fix == expected.value.fix


def test_collation_is_as_asked_for(dataset: Shapes) -> None:
    pipeline = Pipeline(dataset, Transform(), needs={"boxes"})
    batch = next(iter(Loader(pipeline, [[(0, 0), (0, 1)]], divisor=48, max_instances=7)))
    assert batch.images.shape == (2, 3, 96, 96)
    assert batch.instances is not None
    assert batch.instances.boxes.shape == (2, 7, 4)


def test_the_pipeline_survives_being_sent_to_a_spawned_worker(pipeline: Pipeline) -> None:
    copy = pickle.loads(pickle.dumps(pipeline))
    assert (copy[1, 4].image == pipeline[1, 4].image).all()

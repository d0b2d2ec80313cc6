"""A head without classes, alone and with another head: it needs and accepts no labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import hub
from hub import Head, LabelSpace, Result, TaskSpec, registry
from hub.contract import Batch
from hub.engine.build import label_spaces
from hub.errors import LabelMismatchError
from hub.weights import save, transfer

SMALL = {"channels": 8}


class Sharpness(Head):
    """One number per image."""

    needs = frozenset({"sharpness"})
    labels_from = None

    def __init__(self, channels: Any, strides: Any, labels: LabelSpace, options: Any) -> None:
        super().__init__(channels, strides, labels, options)
        self.linear = nn.Linear(channels["p3"], 1)

    @classmethod
    def levels(cls, options: Any) -> tuple[str, ...]:
        return ("p3",)

    def losses(self, features: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        return {"loss": self.predict(features, batch)["value"].square().mean()}

    def predict(self, features: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        return {"value": self.linear(features["p3"].mean((2, 3))).float()}

    def results(self, predictions: Any, batch: Batch) -> list[Result]:
        sizes = batch.original_sizes.tolist()
        return [Result(image_id=i, size=(h, w)) for i, (h, w) in zip(batch.ids, sizes, strict=True)]

    def metric(self, dataset: Any) -> Any:
        raise NotImplementedError

    def draw(self, image: np.ndarray, result: Any, *, score: float = 0.5) -> np.ndarray:
        return image.copy()


@pytest.fixture(autouse=True)
def _head() -> Iterator[None]:
    hub.register(TaskSpec(name="sharpness", kind="test", summary="", target=f"{__name__}:Sharpness"))
    yield
    registry.unregister("sharpness")


def test_a_single_head_without_classes_refuses_labels() -> None:
    model = hub.create("sharpness/resnet18-fpn", **SMALL)
    assert model.labels == {"sharpness": LabelSpace(())}
    assert label_spaces(model) == {}
    for labels in (["cat"], {"sharpness": ["cat"]}):
        with pytest.raises(LabelMismatchError, match="sharpness has no classes"):
            hub.create("sharpness/resnet18-fpn", labels=labels, **SMALL)


@pytest.mark.parametrize("labels", [["road", "sky"], {"semantic-fpn": ["road", "sky"]}])
def test_beside_others_the_labels_are_theirs(labels: Any) -> None:
    model = hub.create("sharpness+semantic-fpn/resnet18-fpn", labels=labels, **SMALL)
    assert {head: space.names for head, space in model.labels.items()} == {
        "sharpness": (), "semantic-fpn": ("road", "sky"),
    }  # fmt: skip
    assert list(label_spaces(model)) == ["semantic"]
    with pytest.raises(LabelMismatchError, match="needs labels"):
        hub.create("sharpness+semantic-fpn/resnet18-fpn", **SMALL)


def test_its_checkpoint_is_loaded_and_moved(tmp_path: Path) -> None:
    model = hub.create("sharpness/resnet18-fpn", **SMALL)
    path = save(model, tmp_path / "m.safetensors")
    again = hub.load(path)
    assert again.labels == model.labels
    other = hub.create("sharpness/resnet18-fpn", **SMALL)
    report = transfer(other, path)
    assert torch.equal(other.state_dict()["heads.sharpness.linear.weight"], model.heads["sharpness"].linear.weight)
    assert report.matched == {}
    assert "labels" not in str(report)

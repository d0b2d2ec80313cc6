"""Heads that are scored on identities that are not in the training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pytest
import torch
from torch import Tensor

import hub
from hub import Batch, Evaluation, Features, LabelSpace
from hub.contract import Dataset, Recipe
from hub.engine.distributed import World
from hub.engine.evaluation import evaluate
from hub.errors import LabelMismatchError
from hub.testing import TinyDataset

ALONE = World(0, 1, torch.device("cpu"))


@dataclass(kw_only=True)
class Embedding(hub.Result):
    vector: Tensor


class RankOne:
    """The fraction of images whose nearest other image has the same identity."""

    def __init__(self, dataset: Dataset) -> None:
        self.identity = {image: dataset.tags(i, frozenset({"person"}))["person"] for i, image in enumerate(dataset.ids)}
        self.vectors: dict[int | str, Tensor] = {}

    def update(self, results: Sequence[Embedding]) -> None:
        self.vectors |= {result.image_id: result.vector for result in results}

    def merge(self, others: Sequence[Self]) -> None:
        for other in others:
            self.vectors |= other.vectors

    def compute(self) -> Evaluation:
        ids = list(self.vectors)
        distance = torch.cdist(*[torch.stack([self.vectors[i] for i in ids])] * 2).fill_diagonal_(torch.inf)
        nearest = [ids[k] for k in distance.argmin(1).tolist()]
        right = [self.identity[i] == self.identity[j] for i, j in zip(ids, nearest, strict=True)]
        return Evaluation({"rank_1": float(np.mean(right))}, main="rank_1")


class Identify(hub.Head[hub.Options, Embedding]):
    needs = frozenset({"person"})
    labels_from = "person"
    open_set = True

    @classmethod
    def levels(cls, options: hub.Options) -> tuple[str, ...]:
        return ("c5",)

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        return {"loss": features["c5"].float().square().mean()}

    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        return {"vector": features["c5"].float().mean((2, 3))}

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Embedding]:
        rows = zip(batch.ids, batch.original_sizes.tolist(), predictions["vector"].cpu(), strict=True)
        return [Embedding(image_id=i, size=(h, w), vector=vector) for i, (h, w), vector in rows]

    def metric(self, dataset: Dataset) -> RankOne:
        return RankOne(dataset)

    def draw(self, image: np.ndarray, result: Embedding, *, score: float = 0.5) -> np.ndarray:
        return image.copy()


class ClosedIdentify(Identify):
    open_set = False


@pytest.fixture
def unseen() -> TinyDataset:
    return TinyDataset(LabelSpace.of(["carla", "dan"]), labels_from=["person"], targets={"person": np.array([1, 1])})


def model_of(head: type[Identify]) -> hub.Model:
    trunk = hub.create_trunk("resnet18", levels=("c5",))
    labels = LabelSpace.of(["anna", "ben"])
    recipe = Recipe("identify/resnet18", labels={"identify": labels})
    one = head({"c5": trunk.channels["c5"]}, {"c5": 32}, labels, hub.Options())
    return hub.Model(trunk, {"identify": one}, recipe, trunk.preprocessing)


def test_an_open_set_head_is_scored_on_identities_that_it_has_not_learned(unseen: TinyDataset) -> None:
    found = evaluate(model_of(Identify), unseen, world=ALONE, workers=0)
    assert found["identify"].metrics == {"rank_1": 1.0}


def test_other_heads_refuse_labels_that_they_do_not_have(unseen: TinyDataset) -> None:
    with pytest.raises(LabelMismatchError, match="carla, dan"):
        evaluate(model_of(ClosedIdentify), unseen, world=ALONE, workers=0)

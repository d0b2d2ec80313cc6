"""Both classification heads keep the contract; losses are the textbook's."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

import hub
from hub.model import Batch
from hub.testing import check_task

LABELS = ["a", "b", "c"]


def test_the_contracts() -> None:
    check_task("classification", backbone="resnet18", labels=LABELS, targets={"class": np.array([0, 2])})
    known = np.array([[0, 1, np.nan], [1, 0, 1]], np.float32)
    check_task("multilabel", backbone="resnet18", labels=LABELS, targets={"labels": known})


def _losses(task: str, tags: dict[str, torch.Tensor], **options: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    model = hub.create(f"{task}/resnet18", labels=LABELS, **options)
    head = model.heads[task]
    features = {"c5": torch.randn(2, 512, 2, 2)}
    sizes = torch.tensor([[64, 64]] * 2)
    batch = Batch(torch.zeros(2, 3, 64, 64, dtype=torch.uint8), sizes, sizes, tags=tags)
    return head.losses(features, batch), head.predictor(features["c5"].mean((2, 3)))


def test_smoothed_cross_entropy() -> None:
    losses, logits = _losses("classification", {"class": torch.tensor([0, 2])}, label_smoothing=0.1)
    target = torch.full((2, 3), 0.1 / 3)
    target[[0, 1], [0, 2]] += 0.9
    torch.testing.assert_close(losses["loss_class"], -(target * logits.log_softmax(1)).sum(1).mean())


def test_unknown_labels_are_not_learned_from() -> None:
    nan = float("nan")
    losses, logits = _losses("multilabel", {"labels": torch.tensor([[0.0, 1, nan], [nan, nan, 1]])})
    expected = F.binary_cross_entropy_with_logits(logits[[0, 0, 1], [0, 1, 2]], torch.tensor([0.0, 1, 1]))
    torch.testing.assert_close(losses["loss_labels"], expected)
    losses, _ = _losses("multilabel", {"labels": torch.full((2, 3), nan)})
    assert losses["loss_labels"] == 0


def test_a_head_on_a_pyramids_name_builds_no_neck_output() -> None:
    model = hub.create("classification/resnet18-fpn", labels=LABELS)
    assert not [name for name, _ in model.trunk.named_parameters() if name.startswith("neck.output")]

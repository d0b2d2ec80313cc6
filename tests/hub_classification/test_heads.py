"""The contract for both classification heads, and their losses against PyTorch's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import hub
from hub.contract import Batch
from hub.errors import DataError, LabelMismatchError, OptionError
from hub.testing import check_task
from hub.weights import save, transfer

LABELS = ["a", "b", "c"]


def test_contract() -> None:
    check_task("classification", backbone="resnet18", labels=LABELS, targets={"class": np.array([0, 2])})
    known = np.array([[0, 1, np.nan], [1, 0, 1]], np.float32)
    check_task("multilabel", backbone="resnet18", labels=LABELS, targets={"labels": known}, from_level="c5")


def _losses(task: str, tags: dict[str, torch.Tensor], **options: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    model = hub.create(f"{task}/resnet18", labels=LABELS, **options)
    head = model.heads[task]
    features = {"pooled": torch.randn(2, 512)}
    sizes = torch.tensor([[64, 64]] * 2)
    batch = Batch(torch.zeros(2, 3, 64, 64, dtype=torch.uint8), sizes, sizes, tags=tags)
    return head.losses(features, batch), head.predictor(features["pooled"])


def test_smoothed_cross_entropy() -> None:
    losses, logits = _losses("classification", {"class": torch.tensor([0, 2])}, label_smoothing=0.1)
    target = torch.full((2, 3), 0.1 / 3)
    target[[0, 1], [0, 2]] += 0.9
    torch.testing.assert_close(losses["loss_class"], -(target * logits.log_softmax(1)).sum(1).mean())


def test_unknown_labels_are_ignored() -> None:
    nan = float("nan")
    losses, logits = _losses("multilabel", {"labels": torch.tensor([[0.0, 1, nan], [nan, nan, 1]])})
    expected = F.binary_cross_entropy_with_logits(logits[[0, 0, 1], [0, 1, 2]], torch.tensor([0.0, 1, 1]))
    torch.testing.assert_close(losses["loss_labels"], expected)
    losses, _ = _losses("multilabel", {"labels": torch.full((2, 3), nan)})
    assert losses["loss_labels"] == 0


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"loss": "binary", "label_smoothing": 0.1}])
def test_mixed_images_give_the_mixed_loss(options: dict[str, Any]) -> None:
    own, other, share = torch.tensor([0, 2]), torch.tensor([1, 1]), torch.tensor([0.7, 1.0])
    mixed, _ = _losses("classification", {"class": own, "class:other": other, "class:share": share}, **options)

    def per_image(tag: torch.Tensor) -> torch.Tensor:  # one image at a time, the other one unknown
        rows = [torch.where(torch.arange(2) == i, tag, 255) for i in range(2)]
        return torch.stack([_losses("classification", {"class": row}, **options)[0]["loss_class"] for row in rows])

    expected = (share * per_image(own) + (1 - share) * per_image(other)).mean()
    torch.testing.assert_close(mixed["loss_class"], expected)


def test_mixed_labels_with_unknown_parts() -> None:
    nan = float("nan")
    tags = {
        "labels": torch.tensor([[1.0, 1, nan], [0, 1, 1]]),
        "labels:other": torch.tensor([[0.0, nan, 0], [nan, nan, nan]]),
        "labels:share": torch.tensor([0.25, 1.0]),
    }
    losses, logits = _losses("multilabel", tags)
    values = F.binary_cross_entropy_with_logits(logits, torch.tensor([[0.25, 0, 0], [0, 1, 1]]), reduction="none")
    torch.testing.assert_close(losses["loss_labels"], values[[0, 1, 1, 1], [0, 0, 1, 2]].mean())


def test_thresholded_targets_make_both_classes_of_a_mixed_image_positive() -> None:
    tags = {"class": torch.tensor([0, 2]), "class:other": torch.tensor([1, 2]), "class:share": torch.tensor([0.7, 0.5])}
    losses, logits = _losses("classification", tags, loss="binary", bce_target_thresh=0.2)
    wanted = torch.tensor([[1.0, 1, 0], [0, 0, 1]])
    torch.testing.assert_close(losses["loss_class"], F.binary_cross_entropy_with_logits(logits, wanted))


def test_images_of_unknown_class_are_ignored() -> None:
    losses, logits = _losses("classification", {"class": torch.tensor([255, 1])})
    torch.testing.assert_close(losses["loss_class"], F.cross_entropy(logits[1:], torch.tensor([1])))
    losses, _ = _losses("classification", {"class": torch.tensor([255, 255])})
    assert losses["loss_class"] == 0


def test_pos_weight_scales_the_loss_of_positives() -> None:
    known = torch.tensor([[0.0, 1, 1], [1, 0, 1]])
    losses, logits = _losses("multilabel", {"labels": known}, pos_weight={"b": 3.0})
    expected = F.binary_cross_entropy_with_logits(logits, known, pos_weight=torch.tensor([1.0, 3, 1]))
    torch.testing.assert_close(losses["loss_labels"], expected)


def test_invalid_labels_and_tags_are_refused() -> None:
    with pytest.raises(LabelMismatchError, match="multilabel"):
        hub.create("classification/resnet18", labels=["a"])
    with pytest.raises(OptionError, match="Did you mean cat"):
        hub.create("multilabel/resnet18", labels=["cat", "dog"], pos_weight={"cats": 2.0})
    with pytest.raises(DataError, match="no tag 'class'"):
        _losses("classification", {})
    with pytest.raises(DataError, match="2 classes|3 classes"):
        _losses("multilabel", {"labels": torch.zeros(2, 4)})


def test_detection_and_classification_share_one_forward_pass() -> None:
    labels = {"faster-rcnn": ["a"], "classification": LABELS}
    model = hub.create("faster-rcnn+classification/resnet18-fpn", labels=labels, channels=16).eval()
    calls: list[int] = []
    model.trunk.body.register_forward_hook(lambda *_: calls.append(1))
    found = model.predict(np.zeros((64, 96, 3), np.uint8))
    assert len(calls) == 1
    assert found["classification"].scores.sum().item() == pytest.approx(1, abs=1e-5)


def test_classifier_weights_initialize_a_detector(tmp_path: Path) -> None:
    """timm's keys of a whole model differ from those of a feature extractor."""
    source = hub.create("classification/convnext_atto", labels=LABELS)
    model = hub.create("faster-rcnn/convnext_atto-fpn", labels=["a"], channels=16)
    report = transfer(model, save(source, tmp_path / "classifier.safetensors"))
    assert not [name for name in report.initialized if name.startswith("trunk.body")]
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        last = source.eval().trunk.body.net.forward_features(x)
        torch.testing.assert_close(model.eval().trunk.body(x)[-1], last)


def test_classification_on_a_pyramid_builds_no_unused_neck_outputs() -> None:
    model = hub.create("classification/resnet18-fpn", labels=LABELS)
    assert not [name for name, _ in model.trunk.named_parameters() if name.startswith("neck.output")]

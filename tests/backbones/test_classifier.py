"""The classifier of pretrained weights: which rows are kept, by name. Nothing is downloaded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

import hub
from hub.contract import Batch


@pytest.fixture
def weights(tmp_path: Path) -> Callable[..., Path]:
    def save(name: str, **options: object) -> Path:
        torch.manual_seed(7)
        path = tmp_path / f"{name}.safetensors"
        save_file({k: v.contiguous() for k, v in timm.create_model(name, **options).state_dict().items()}, path)
        return path

    return save


def logits(model: hub.Model, x: torch.Tensor) -> torch.Tensor:
    head = model.heads["classification"]
    return head.logits(model.eval().trunk(x))  # type: ignore[operator,no-any-return]


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_050", "convnext_atto"])
def test_known_labels_score_as_in_timm(
    name: str, weights: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = weights(name)
    with caplog.at_level(logging.INFO, logger="hub"):
        model = hub.create(
            f"classification/{name}", labels=["n02123045", "my cat", "Goldfish", "crane"], pretrained=path
        )
    assert "has 2 of 4 labels; randomly initialized: my cat, crane" in caplog.text  # two of ImageNet's are called crane
    oracle = timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": str(path)}).eval()
    x = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(logits(model, x)[:, [0, 2]], oracle(x)[:, [281, 1]])
    assert model.trunk.classifier is None


def test_a_file_with_other_classes_loads_only_its_backbone(weights: Callable[..., Path]) -> None:
    for options in ({"num_classes": 5}, {"num_classes": 0}):
        path = weights("resnet18", **options)
        model = hub.create("classification/resnet18", labels=["goldfish", "b"], pretrained=path)
        oracle = timm.create_model("resnet18", pretrained=True, pretrained_cfg_overlay={"file": str(path)}, **options)
        assert torch.equal(model.trunk.body.net.conv1.weight, oracle.conv1.weight)
        assert model.heads["classification"].predictor.weight.std() < 0.02


def test_averaging_a_feature_map_keeps_no_classifier(weights: Callable[..., Path]) -> None:
    model = hub.create(
        "classification/resnet18", labels=["goldfish", "b"], pretrained=weights("resnet18"), from_level="c4"
    )
    assert model.trunk.classifier is None
    assert model.heads["classification"].predictor.weight.std() < 0.02


def test_other_heads_on_the_trunk_do_not_get_the_classifier(weights: Callable[..., Path]) -> None:
    torch.manual_seed(0)
    model = hub.create(
        "classification+multilabel/resnet18",
        labels={"classification": ["goldfish", "b"], "multilabel": ["goldfish"]},
        pretrained=weights("resnet18"),
    )
    sizes = torch.tensor([[64, 64]])
    found = model.eval()(Batch(torch.zeros(1, 3, 64, 64, dtype=torch.uint8), sizes, sizes))
    assert {head: tuple(f["scores"].shape) for head, f in found.items()} == {
        "classification": (1, 2),
        "multilabel": (1, 1),
    }
    assert model.heads["multilabel"].predictor.weight.abs().max() < 0.1

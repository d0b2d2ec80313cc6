"""One-stage heads compile as one graph: nothing in them depends on values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

import hub
from hub.model import Batch, InstanceTargets

IMAGE = (64, 96)
TASKS: dict[str, dict[str, Any]] = {
    "retinanet": {"anchor_sizes": (8, 16, 32, 64, 128)},
    "retinanet v2": {"anchor_sizes": (8, 16, 32, 64, 128), "extra_from": "c5", "box_loss": "giou"},
    "fcos": {},
}
BACKENDS = ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)]


def _head(kind: str) -> Any:
    torch.manual_seed(0)
    name = kind.split()[0]
    options: dict[str, Any] = {"tower_convs": 1, "tower_norm": "group", "candidates": 40, "max_detections": 20}
    model = hub.create(
        f"{name}/resnet18-fpn", labels=["a", "b"], channels=8, score_threshold=0.001, **options, **TASKS[kind]
    )
    return model.heads[name]


def _features() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = {"p3": (8, 8), "p4": (8, 16), "p5": (8, 32), "c5": (512, 32)}
    return {
        level: torch.randn(2, c, IMAGE[0] // s, IMAGE[1] // s, generator=generator) for level, (c, s) in sizes.items()
    }


def _batch(valid: bool = True) -> Batch:
    sizes = torch.tensor([[64, 96], [50, 80]])
    mask = torch.tensor([[valid, valid], [valid, False]])
    boxes = torch.tensor([[5.0, 5, 30, 30], [40, 20, 80, 50]]).repeat(2, 1, 1)
    targets = InstanceTargets(
        boxes=boxes, labels=torch.tensor([[0, 1], [1, 0]]), valid=mask, crowd=torch.zeros_like(mask)
    )
    images = torch.zeros(2, 3, *IMAGE, dtype=torch.uint8)
    return Batch(images=images, sizes=sizes, original_sizes=sizes, ids=[0, 1], instances=targets)


def _same(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", TASKS)
def test_the_training_step_is_one_graph(kind: str, backend: str) -> None:
    torch.compiler.reset()
    head, features = _head(kind), _features()
    expected = head.losses(features, _batch())
    found = torch.compile(head.losses, fullgraph=True, backend=backend)(features, _batch())
    _same(found, expected)
    sum(expected.values()).backward()
    gradients = {name: p.grad.clone() for name, p in head.named_parameters()}
    head.zero_grad()
    sum(found.values()).backward()
    _same({name: p.grad for name, p in head.named_parameters()}, gradients)


@pytest.mark.parametrize("kind", TASKS)
def test_images_without_objects_take_the_same_graph(kind: str) -> None:
    torch.compiler.reset()
    head, graphs = _head(kind), []

    def count(module: torch.fx.GraphModule, inputs: Any) -> Any:
        graphs.append(module)
        return module.forward

    compiled = torch.compile(head.losses, fullgraph=True, backend=count)
    compiled(_features(), _batch())
    compiled(_features(), _batch(valid=False))
    assert len(graphs) == 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", TASKS)
def test_prediction_is_one_graph(kind: str, backend: str) -> None:
    torch.compiler.reset()
    head, features = _head(kind).eval(), _features()
    with torch.no_grad():
        expected = head.predict(features, _batch())
        found = torch.compile(head.predict, fullgraph=True, backend=backend)(features, _batch())
    assert expected["valid"].any()
    _same(found, expected)

"""The whole head compiles as one graph: nothing in it depends on values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

import hub
from hub.model import Batch, InstanceTargets

FEATURES = {f"p{i}": 2**i for i in range(2, 7)}
IMAGE = (64, 96)
OPTIONS: dict[str, Any] = {
    "anchor_sizes": (8, 16, 32, 64, 128),
    "rpn_candidates_train": 50,
    "rpn_proposals_train": 40,
    "rpn_candidates_test": 50,
    "rpn_proposals_test": 40,
    # All are drawn, so that compiled and plain code cannot differ by chance.
    "rpn_samples": 10**5,
    "rpn_positive_fraction": 1.0,
    "roi_samples": 10**4,
    "roi_positive_fraction": 1.0,
    "box_head_width": 32,
    "score_threshold": 0.2,
}


def _head() -> Any:
    torch.manual_seed(0)
    return hub.create("faster-rcnn/resnet18-fpn", labels=["a", "b"], channels=8, **OPTIONS).heads["faster-rcnn"]


def _features() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        level: torch.randn(2, 8, -(-IMAGE[0] // s), -(-IMAGE[1] // s), generator=generator)
        for level, s in FEATURES.items()
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


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_the_training_step_is_one_graph(backend: str) -> None:
    torch.compiler.reset()
    head, features = _head(), _features()
    expected = head.losses(features, _batch())
    compiled = torch.compile(head.losses, fullgraph=True, backend=backend)
    found = compiled(features, _batch())
    _same(found, expected)
    sum(expected.values()).backward()
    gradients = {name: p.grad.clone() for name, p in head.named_parameters()}
    head.zero_grad()
    sum(found.values()).backward()
    _same({name: p.grad for name, p in head.named_parameters()}, gradients)


def test_images_without_objects_take_the_same_graph() -> None:
    torch.compiler.reset()
    head, graphs = _head(), []

    def count(module: torch.fx.GraphModule, inputs: Any) -> Any:
        graphs.append(module)
        return module.forward

    compiled = torch.compile(head.losses, fullgraph=True, backend=count)
    compiled(_features(), _batch())
    compiled(_features(), _batch(valid=False))
    assert len(graphs) == 1


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_prediction_is_one_graph(backend: str) -> None:
    torch.compiler.reset()
    head, features = _head().eval(), _features()
    with torch.no_grad():
        expected = head.predict(features, _batch())
        found = torch.compile(head.predict, fullgraph=True, backend=backend)(features, _batch())
    assert expected["valid"].any()
    _same(found, expected)

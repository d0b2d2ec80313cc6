"""Every head compiles as one graph, whose shapes do not depend on values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

import hub
from hub.contract import Batch, InstanceTargets

IMAGE = (64, 96)
ANCHORS = {"anchor_sizes": (8, 16, 32, 64, 128)}
ONE_STAGE = {
    "num_convs": 1,
    "tower_norm": "group",
    "topk_candidates": 40,
    "detections_per_img": 20,
    "score_thresh": 0.001,
}
TWO_STAGE = {
    "rpn_pre_nms_topk_train": 50,
    "rpn_post_nms_topk_train": 40,
    "rpn_pre_nms_topk_test": 50,
    "rpn_post_nms_topk_test": 40,
    # All are sampled, so that compiled and eager code see the same boxes.
    "rpn_batch_size_per_image": 10**5,
    "rpn_positive_fraction": 1.0,
    "box_batch_size_per_image": 10**4,
    "box_positive_fraction": 1.0,
    "box_head_fc_channels": 32,
    "score_thresh": 0.2,
}
HEADS: dict[str, dict[str, Any]] = {
    "faster-rcnn": {**ANCHORS, **TWO_STAGE},
    "retinanet": {**ANCHORS, **ONE_STAGE},
    "retinanet v2": {**ANCHORS, **ONE_STAGE, "extra_from": "c5", "box_loss": "giou"},
    "fcos": ONE_STAGE,
}
BACKENDS = ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)]


def _head(kind: str) -> tuple[Any, dict[str, Tensor]]:
    """Return a head, and features for it."""
    torch.manual_seed(0)
    name = kind.split()[0]
    model = hub.create(f"{name}/resnet18-fpn", labels=["a", "b"], channels=8, **HEADS[kind])
    generator = torch.Generator().manual_seed(0)
    return model.heads[name], {
        level: torch.randn(2, model.trunk.channels[level], *(-(-side // stride) for side in IMAGE), generator=generator)
        for level, stride in model.trunk.strides.items()
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
@pytest.mark.parametrize("kind", HEADS)
def test_the_training_step_is_one_graph(kind: str, backend: str) -> None:
    torch.compiler.reset()
    head, features = _head(kind)
    expected = head.losses(features, _batch())
    compiled = torch.compile(head.losses, fullgraph=True, backend=backend)
    found = compiled(features, _batch())
    _same(found, expected)
    sum(expected.values()).backward()
    gradients = {name: p.grad.clone() for name, p in head.named_parameters()}
    head.zero_grad()
    sum(found.values()).backward()
    _same({name: p.grad for name, p in head.named_parameters()}, gradients)


@pytest.mark.parametrize("kind", HEADS)
def test_images_without_objects_use_the_same_graph(kind: str) -> None:
    torch.compiler.reset()
    head, features = _head(kind)
    graphs = []

    def count(module: torch.fx.GraphModule, inputs: Any) -> Any:
        graphs.append(module)
        return module.forward

    compiled = torch.compile(head.losses, fullgraph=True, backend=count)
    compiled(features, _batch())
    compiled(features, _batch(valid=False))
    assert len(graphs) == 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", HEADS)
def test_prediction_is_one_graph(kind: str, backend: str) -> None:
    torch.compiler.reset()
    head, features = _head(kind)
    head.eval()
    with torch.no_grad():
        expected = head.predict(features, _batch())
        found = torch.compile(head.predict, fullgraph=True, backend=backend)(features, _batch())
    assert expected["valid"].any()
    _same(found, expected)

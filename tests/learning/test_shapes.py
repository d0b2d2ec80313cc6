"""The metrics that shipped configs state, trained from scratch: minutes each, so not in the default suite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.engine.config import load_config

pytestmark = pytest.mark.slow
CONFIGS = Path(__file__).parents[2] / "configs"
Learn = Callable[..., Any]

PROMISES: list[tuple[str, str, dict[str, float]]] = [
    ("quickstart.yaml", "faster-rcnn", {"AP": 0.80, "AP50": 0.95}),
    ("shapes/mask-rcnn.yaml", "mask-rcnn", {"box_AP": 0.80, "mask_AP": 0.75}),
    ("shapes/cascade-rcnn.yaml", "cascade-rcnn", {"AP": 0.82}),
    ("shapes/retinanet.yaml", "retinanet", {"AP": 0.70}),
    ("shapes/fcos.yaml", "fcos", {"AP": 0.70}),
    ("shapes/keypoint-rcnn.yaml", "keypoint-rcnn", {"keypoint_AP": 0.60}),
    ("shapes/semantic-fpn.yaml", "semantic-fpn", {"mIoU": 0.90}),
    ("shapes/unet.yaml", "unet", {"mIoU": 0.90}),
    ("shapes/classification.yaml", "classification", {"top1": 0.95}),
    ("shapes/multilabel.yaml", "multilabel", {"mAP": 0.95}),
]


@pytest.mark.parametrize(("config", "head", "targets"), PROMISES, ids=[p[0] for p in PROMISES])
def test_a_config_reaches_what_its_header_promises(
    learn: Learn, config: str, head: str, targets: dict[str, float]
) -> None:
    learn(config).check(config, head, targets)


@pytest.mark.parametrize(
    ("head", "metric"), [("faster-rcnn", "AP"), ("semantic-fpn", "mIoU"), ("classification", "top1")]
)
def test_three_heads_together_are_within_2_points_of_each_alone(learn: Learn, head: str, metric: str) -> None:
    config = "shapes/three-heads.yaml"
    options = load_config(CONFIGS / config).model.heads[head]
    alone = learn(
        config, f"model.name={head}/resnet18-fpn", f"model.heads={{{head}: {options}}}", "train.loss_weights={}"
    )
    learn(config).check(config, head, {metric: alone.metrics[head][metric] - 0.02})

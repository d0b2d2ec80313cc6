"""A tiny run: seconds on one core, but the real data, head and loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.data.formats.shapes import generate_shapes
from hub.engine.config import Config, apply_overrides, parse_config


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve training and four validation images of 64 pixels."""
    root = tmp_path_factory.mktemp("data") / "shapes"
    generate_shapes(root, train=12, val=4, size=64)
    return root


@pytest.fixture(scope="session")
def tiny(shapes: Path) -> dict[str, Any]:
    """The plain values of a config that trains six steps of four images."""
    size = {"train": 12, "val": 4, "size": 64}
    return {
        "model": {
            "name": "faster-rcnn/resnet18-fpn",
            "channels": 16,
            "resize": {"shortest": 64, "longest": 64},
            "heads": {
                "faster-rcnn": {
                    "anchor_sizes": [8, 16, 32, 48, 64],
                    "rpn_batch_size_per_image": 32,
                    "box_batch_size_per_image": 16,
                    "box_head_fc_channels": 32,
                    "rpn_post_nms_topk_train": 50,
                    "rpn_post_nms_topk_test": 50,
                }
            },
        },
        "data": {
            "root": str(shapes),
            "train": {"format": "shapes", "split": "train", **size},
            "val": {"format": "shapes", "split": "val", **size},
            "workers": 0,
        },
        "train": {
            "batch": 4, "steps": 6, "lr": 0.01, "schedule": "cosine", "warmup": 2, "precision": "fp32",
            "checkpoint_every": 2, "evaluate_every": 100, "log_every": 1,
        },
    }  # fmt: skip


@pytest.fixture
def config(tiny: dict[str, Any]) -> Callable[..., Config]:
    """Call with ``key=value`` overrides for a config of the tiny run."""
    import copy

    return lambda *overrides: parse_config(apply_overrides(copy.deepcopy(tiny), overrides), source="tiny")

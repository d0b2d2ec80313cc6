"""The cost of further heads: detection, semantic segmentation and classification on one trunk, or detection alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

import hub
from benchmarks.detection import CLASSES
from hub.contract import Batch
from hub.model import Model

ALONE = "faster-rcnn"
TOGETHER = "faster-rcnn+semantic-fpn+classification"
REGIONS = 21  # classes of the map and of the image, as Pascal VOC has


def with_maps(batch: Batch) -> Batch:
    """Return the batch with a map and a class for the other two heads."""
    rng = torch.Generator().manual_seed(1)
    count, _, height, width = batch.images.shape
    coarse = torch.randint(0, REGIONS, (count, 1, 8, 8), generator=rng).float()
    regions = torch.nn.functional.interpolate(coarse, (height, width))[:, 0].to(torch.uint8)
    classes = torch.randint(0, REGIONS, (count,), generator=rng)
    return replace(batch, maps={"semantic": regions}, tags={"class": classes})


def make_model(tasks: str) -> Model:
    """Return a ResNet-50-FPN with these heads, frozen norms and two frozen stages."""
    torch.manual_seed(0)
    regions = [f"region {i}" for i in range(REGIONS)]
    labels: dict[str, Any] = dict.fromkeys(tasks.split("+"), regions)
    labels["faster-rcnn"] = [f"class {i}" for i in range(CLASSES)]
    model = hub.create(f"{tasks}/resnet50-fpn", labels=labels, norm="frozen", freeze=2)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

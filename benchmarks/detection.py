"""Two-stage detectors with a ResNet-50-FPN, ours and torchvision's, with the same weights, images and objects."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN, MaskRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

import hub
from hub.contract import Batch, BoxMasks, InstanceMasks, InstanceTargets, pad_images
from hub.model import Model
from hub.precision import autocast
from hub_detection.weights.torchvision_rcnn import load_rcnn

CLASSES = 80
THEIRS = {"faster-rcnn": FasterRCNN, "mask-rcnn": MaskRCNN}


def make_batch(count: int, height: int, width: int, *, objects: int = 8) -> Batch:
    """Return smooth random images from a fixed seed, with random boxes and an ellipse in each as its mask."""
    rng = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 8, 8, generator=rng)
    images = nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1).mul(255).byte()
    extent = torch.tensor([width, height])
    low = torch.rand(count, objects, 2, generator=rng) * 0.6 * extent
    boxes = torch.cat([low, low + (0.05 + 0.3 * torch.rand(low.shape, generator=rng)) * extent], dim=2)
    labels = torch.randint(0, CLASSES, (count, objects), generator=rng)
    there = torch.ones(count, objects, dtype=torch.bool)
    stacked, sizes = pad_images([image.permute(1, 2, 0).numpy() for image in images])
    masks = BoxMasks.pack([_ellipses(own, (height, width)) for own in boxes], objects)
    targets = InstanceTargets(boxes=boxes, labels=labels, valid=there, crowd=~there, masks=masks)
    return Batch(images=stacked, sizes=sizes, original_sizes=sizes, ids=range(count), instances=targets)


def _ellipses(boxes: Tensor, size: tuple[int, int]) -> InstanceMasks:
    """Return the masks of the ellipses inscribed in boxes (N, 4)."""
    windows, crops = [], []
    for x1, y1, x2, y2 in boxes.tolist():
        rows, columns = slice(int(y1), int(y2) + 1), slice(int(x1), int(x2) + 1)
        x, y = np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop)[:, None]
        crops.append((2 * x - x1 - x2) ** 2 / (x2 - x1) ** 2 + (2 * y - y1 - y2) ** 2 / (y2 - y1) ** 2 <= 1)
        windows.append((rows, columns))
    return InstanceMasks.from_crops(size, windows, crops)


def make_models(task: str, batch: Batch) -> tuple[Model, nn.Module]:
    """Return both models with frozen norms and two frozen stages, as in torchvision's recipe.

    The weights are random, but the statistics of the norms are those of the batch: otherwise the features, and the
    number of boxes, would explode.
    """
    torch.manual_seed(0)
    build = partial(resnet_fpn_backbone, backbone_name="resnet50", weights=None, trainable_layers=3)
    body = build(norm_layer=partial(nn.BatchNorm2d, momentum=None))
    with torch.no_grad():
        body.train()(hub.Preprocessing().normalize(batch.images, batch.sizes))
    theirs: Any = THEIRS[task](build(), CLASSES + 1, min_size=int(batch.sizes.amin()), max_size=10**4)
    theirs.backbone.load_state_dict(body.state_dict())
    labels = [f"class {i}" for i in range(CLASSES)]
    ours = hub.create(f"{task}/resnet50-fpn", labels=labels, norm="frozen", freeze=2, anchor_strides="image")
    load_rcnn(ours, theirs.state_dict())
    return ours, theirs


def their_inputs(batch: Batch) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """Return the images and targets of the batch in torchvision's format."""
    found = batch.instances
    assert found is not None
    assert found.masks is not None
    sizes = batch.sizes.tolist()
    images = [image[:, :h, :w].float() / 255 for image, (h, w) in zip(batch.images, sizes, strict=True)]
    planes = found.masks.planes((batch.images.shape[2], batch.images.shape[3]))
    masks = [own[:, :h, :w].byte() for own, (h, w) in zip(planes, sizes, strict=True)]
    rows = zip(found.boxes, found.labels + 1, masks, strict=True)
    return images, [{"boxes": b, "labels": c, "masks": m} for b, c, m in rows]


def training_step(
    model: nn.Module, losses: Callable[[], dict[str, Tensor]], *, device: torch.device, precision: str
) -> Callable[[], None]:
    """Return a training step: normalization, forward, backward, SGD."""
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-6, momentum=0.9)

    def step() -> None:
        model.train()
        with autocast(device, precision):
            total = torch.stack(list(losses().values())).sum()
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()

    return step


def their_inference(
    model: nn.Module, images: list[Tensor], *, device: torch.device, precision: str
) -> Callable[[], object]:
    """Return an inference step from images to detections on the CPU, like `hub.Model.infer`."""

    @torch.inference_mode()
    def step() -> list[dict[str, Tensor]]:
        model.eval()
        with autocast(device, precision):
            found = model(images)
        return [{name: value.cpu() for name, value in one.items()} for one in found]

    return step

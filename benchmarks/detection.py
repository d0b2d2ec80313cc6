"""Faster R-CNN with a ResNet-50-FPN, ours and torchvision's: the same images, objects, sizes and frozen layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

import hub
from hub.model import Batch, InstanceTargets, Model
from hub.precision import autocast

CLASSES = 80


@dataclass(frozen=True)
class Inputs:
    """Random images with objects, in both projects' forms."""

    batch: Batch
    images: list[Tensor]
    targets: list[dict[str, Tensor]]


def make_inputs(batch: int, height: int, width: int, *, objects: int = 8, device: torch.device) -> Inputs:
    """Noise images with random boxes, from a fixed seed."""
    rng = torch.Generator().manual_seed(0)
    extent = torch.tensor([width, height])
    low = torch.rand(batch, objects, 2, generator=rng) * extent * 0.6
    high = low + torch.rand(batch, objects, 2, generator=rng) * extent * 0.35 + 10
    boxes = torch.cat([low, high], dim=2).to(device)
    labels = torch.randint(0, CLASSES, (batch, objects), generator=rng).to(device)
    pixels = torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=rng).to(device)
    padded = torch.zeros(batch, 3, -(-height // 32) * 32, -(-width // 32) * 32, dtype=torch.uint8, device=device)
    padded[:, :, :height, :width] = pixels
    sizes = torch.tensor([[height, width]] * batch, device=device)
    there = torch.ones(batch, objects, dtype=torch.bool, device=device)
    return Inputs(
        Batch(
            images=padded.contiguous(memory_format=torch.channels_last),
            sizes=sizes,
            original_sizes=sizes,
            ids=list(range(batch)),
            instances=InstanceTargets(boxes=boxes, labels=labels, valid=there, crowd=~there),
        ),
        images=list(pixels.float() / 255),
        targets=[{"boxes": b, "labels": one + 1} for b, one in zip(boxes, labels, strict=True)],
    )


def our_model(device: torch.device) -> Model:
    """The hub's, with frozen norms, stem and first stage."""
    labels = [f"class {i}" for i in range(CLASSES)]
    model = hub.create("faster-rcnn/resnet50-fpn", labels=labels, norm="frozen", freeze=2)
    return model.to(device, memory_format=torch.channels_last)


def their_model(device: torch.device, shortest: int) -> nn.Module:
    """torchvision's ``fasterrcnn_resnet50_fpn`` as its recipe trains it: frozen norms, three stages that learn."""
    body = resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=3)
    return FasterRCNN(body, CLASSES + 1, min_size=shortest, max_size=4 * shortest).to(device)


def training_step(
    model: nn.Module, losses: Callable[[], dict[str, Tensor]], *, device: torch.device, precision: str
) -> Callable[[], None]:
    """Forward, backward and SGD."""
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-6, momentum=0.9)

    def step() -> None:
        model.train()
        with autocast(device, precision):
            total = torch.stack(list(losses().values())).sum()
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()

    return step


def our_losses(model: Model, inputs: Inputs) -> Callable[[], dict[str, Tensor]]:
    """Normalising included."""
    return lambda: model(inputs.batch)["faster-rcnn"]


def their_losses(model: nn.Module, inputs: Inputs) -> Callable[[], dict[str, Tensor]]:
    """Normalising included."""
    return lambda: model(inputs.images, inputs.targets)


def our_inference(model: Model, inputs: Inputs, *, precision: str) -> Callable[[], object]:
    """Down to results on the CPU."""
    return lambda: model.infer(inputs.batch, precision=precision)


def their_inference(model: nn.Module, inputs: Inputs, *, device: torch.device, precision: str) -> Callable[[], object]:
    """Down to results on the CPU."""

    @torch.inference_mode()
    def step() -> list[dict[str, Tensor]]:
        model.eval()
        with autocast(device, precision):
            found = model(inputs.images)
        return [{k: v.cpu() for k, v in one.items()} for one in found]

    return step

"""A trunk: a backbone and perhaps a neck, giving features by level name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hub.backbones.norm import frozen_norms
from hub.contract.classifier import PretrainedClassifier
from hub.errors import OptionError, did_you_mean
from hub.preprocessing import Preprocessing

POOLED = "pooled"  # the level that is a vector


@dataclass(frozen=True)
class Provenance:
    """Where a trunk's weights come from: nothing about them is silent.

    Attributes:
        backbone: the model's name.
        tag: the pretrained tag, resolved even where the name did not give one; None for random weights.
        source: URL or hub id of the weights, or "random".
        license: of the weights, where known.
    """

    backbone: str
    tag: str | None = None
    source: str = "random"
    license: str | None = None

    def __str__(self) -> str:
        if self.tag is None and self.source == "random":
            return f"{self.backbone}, random weights"
        tag = f".{self.tag}" if self.tag else ""
        return f"{self.backbone}{tag} from {self.source} ({self.license or 'licence unknown'})"

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for a checkpoint's header."""
        return asdict(self)


class Trunk(nn.Module):
    """Maps normalised images to an ordered ``{level: features}``.

    Args:
        body: maps (B, C, H, W) to a list of features, finest first.
        body_levels: names of that list, ``("c1", …)``. Where ``channels`` has ``"pooled"``, the list has that
            vector as one more item at its end.
        neck: maps raw features to pyramid features, or None.
        channels, strides: of every level, raw and neck's.
        levels: those to return, in this order.
        probe_size: (height, width) in pixels that the body was tried with and takes.
        preprocessing: what the weights expect.
        provenance: where they come from.
        classifier: the backbone's own, of pretrained weights whose classes are known; not a part of the trunk.

    Attributes:
        channels: level → channels, of the levels returned.
        strides: level → stride in pixels, of the levels returned that are maps.
        divisor: the backbone's largest stride; images whose sides are multiples of it have exact strides.
    """

    def __init__(
        self,
        body: nn.Module,
        body_levels: Iterable[str],
        neck: nn.Module | None,
        *,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        levels: tuple[str, ...],
        probe_size: tuple[int, int],
        preprocessing: Preprocessing,
        provenance: Provenance,
        classifier: PretrainedClassifier | None = None,
    ) -> None:
        super().__init__()
        self.body = body
        self.neck = neck
        self.body_levels = tuple(body_levels)
        unknown = [level for level in levels if level not in channels]
        if unknown:
            raise OptionError(
                f"{provenance.backbone} has no level {unknown[0]!r}.{did_you_mean(unknown[0], channels)}",
                fix=f"it gives {', '.join(channels)}"
                + ("" if neck is not None else "; a pyramid needs a neck, as in 'resnet50-fpn'"),
            )
        self.levels = levels
        self.divisor = max(strides[level] for level in self.body_levels)
        self.probe_size = probe_size
        self.channels = {level: channels[level] for level in levels}
        self.strides = {level: strides[level] for level in levels if level in strides}
        self.classifier = classifier
        self._outputs = (*self.body_levels, POOLED) if POOLED in channels else self.body_levels
        self.preprocessing = preprocessing
        self.provenance = provenance

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Features of every level in `levels`.

        Args:
            x: (B, C, H, W) normalised; H and W multiples of the largest stride give exact strides.

        Returns:
            level → (B, channels, H / stride, W / stride); (B, channels) for ``"pooled"``.
        """
        features = dict(zip(self._outputs, self.body(x), strict=True))
        if self.neck is not None:
            features |= self.neck(features)
        return {level: features[level] for level in self.levels}

    def train(self, mode: bool = True) -> Trunk:
        """As `nn.Module.train`, but frozen normalisation layers always stay in eval mode."""
        super().train(mode)
        for module in frozen_norms(self):
            module.eval()
        return self

    def freeze(self, stages: int) -> None:
        """Stop training all that computes the levels up to ``c{stages}``; 2 is the stem and the first stage.

        What computes a level is found by following its gradient back, so this works for every backbone.

        Raises:
            OptionError: the backbone has no level that fine or that coarse.
        """
        upto = [level for level in self.body_levels if int(level[1:]) <= stages]
        if stages < 0 or (stages and (not upto or stages > int(self.body_levels[-1][1:]))):
            raise OptionError(
                f"{self.provenance.backbone} cannot freeze {stages} stages",
                fix=f"its levels are {', '.join(self.body_levels)}; i freezes all up to c(i), 0 nothing",
            )
        if not stages:
            return
        was_training = self.training
        self.eval()
        device = next(self.parameters()).device
        image = torch.zeros(1, self.preprocessing.in_chans, *self.probe_size, device=device)
        outputs = dict(zip(self._outputs, self.body(image), strict=True))
        trainable = [p for p in self.body.parameters() if p.requires_grad]
        total = torch.stack([outputs[level].sum() for level in upto]).sum()
        grads = torch.autograd.grad(total, trainable, allow_unused=True)
        for weight, grad in zip(trainable, grads, strict=True):
            if grad is not None:
                weight.requires_grad_(False)
        self.train(was_training)


def plain_key(name: str) -> str:
    """A weight's name within a trunk, one for all ways in which timm wraps a backbone.

    A whole model has ``stages.0`` where the part that gives maps has ``stages_0`` or ``model.stages.0``.

    >>> plain_key("body.net.model.stages_0.weight")
    'body.net.stages.0.weight'
    """
    prefix = "body.net."
    if not name.startswith(prefix):
        return name
    return prefix + name.removeprefix(prefix).removeprefix("model.").replace("_", ".")

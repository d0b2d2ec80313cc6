"""A trunk: a backbone with an optional neck, which returns features by level name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from hub.backbones.norm import frozen_norms
from hub.contract.classifier import PretrainedClassifier
from hub.errors import OptionError, did_you_mean
from hub.preprocessing import Preprocessing

POOLED = "pooled"  # the one level that is a vector per image, not a feature map


@dataclass(frozen=True)
class Provenance:
    """Where the weights of a trunk come from.

    Attributes:
        backbone: name of the model.
        tag: the pretrained tag, also if the name did not give one; None for random weights.
        source: URL or Hugging Face id of the weights, or "random".
        license: license of the weights, if known.
    """

    backbone: str
    tag: str | None = None
    source: str = "random"
    license: str | None = None

    def __str__(self) -> str:
        if self.tag is None and self.source == "random":
            return f"{self.backbone}, random weights"
        tag = f".{self.tag}" if self.tag else ""
        return f"{self.backbone}{tag} from {self.source} ({self.license or 'license unknown'})"

    def to_dict(self) -> dict[str, str | None]:
        """Return plain values, for the header of a checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, str | None]) -> Provenance:
        """Return the provenance that `to_dict` described."""
        return cls(data["backbone"] or "", data["tag"], data["source"] or "random", data["license"])


class Trunk(nn.Module):
    """Maps normalized images to ``{level: features}``, in the order of `levels`.

    Args:
        body: maps (B, C, H, W) to a list of features, finest first.
        body_levels: names of that list, ``("c1", …)``. If ``channels`` has ``"pooled"``, the list ends with that
            vector.
        neck: maps backbone features to pyramid features, or None.
        channels, strides: level → number, for the levels of the backbone and the neck.
        levels: the levels to return, in this order.
        probe_size: (height, width) in pixels of an input that the body accepts.
        preprocessing: what the weights expect.
        provenance: where the weights come from.
        classifier: the classifier of pretrained weights, if its classes are known; not a part of the trunk.

    Attributes:
        channels: level → channels, for the returned levels.
        strides: level → stride in pixels, for the returned levels that are feature maps.
        divisor: largest stride of the backbone; strides are exact for images whose sides are multiples of it.

    Raises:
        OptionError: neither the backbone nor the neck has one of the ``levels``.
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
                fix=f"its levels are {', '.join(channels)}"
                + ("" if neck is not None else "; pyramid levels need a neck, as in 'resnet50-fpn'"),
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
        """Compute the features of every level in `levels`.

        Args:
            x: (B, C, H, W), normalized; strides are exact if H and W are multiples of `divisor`.

        Returns:
            level → (B, channels, H / stride, W / stride); (B, channels) for ``"pooled"``.
        """
        features = dict(zip(self._outputs, self.body(x), strict=True))
        if self.neck is not None:
            features |= self.neck(features)
        return {level: features[level] for level in self.levels}

    def train(self, mode: bool = True) -> Trunk:
        """Set the mode as `nn.Module.train` does, but keep frozen normalization layers in eval mode."""
        super().train(mode)
        for module in frozen_norms(self):
            module.eval()
        return self

    def freeze(self, stages: int) -> None:
        """Freeze every parameter that the levels up to ``c{stages}`` depend on; 2 is the stem and the first stage.

        The parameters are found by tracing the gradient of these levels, so this works for every backbone.

        Raises:
            OptionError: the backbone has no such level.
        """
        upto = [level for level in self.body_levels if int(level[1:]) <= stages]
        if stages < 0 or (stages and (not upto or stages > int(self.body_levels[-1][1:]))):
            raise OptionError(
                f"{self.provenance.backbone} cannot freeze {stages} stages",
                fix=f"its levels are {', '.join(self.body_levels)}; freeze=i freezes up to c(i), 0 freezes nothing",
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
    """Return the name of a weight, independent of how timm wraps the backbone.

    A complete model has ``stages.0``, its feature extractor ``stages_0`` or ``model.stages.0``.

    >>> plain_key("body.net.model.stages_0.weight")
    'body.net.stages.0.weight'
    """
    prefix = "body.net."
    if not name.startswith(prefix):
        return name
    return prefix + name.removeprefix(prefix).removeprefix("model.").replace("_", ".")

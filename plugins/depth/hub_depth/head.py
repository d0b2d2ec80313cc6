"""A depth for every pixel, on a pyramid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F
from timm.layers import LayerNorm2d
from torch import Tensor, nn

from hub import Batch, Features, Head, LabelSpace, Metric
from hub.data import Dataset
from hub.errors import DataError
from hub_depth.losses import depth_losses
from hub_depth.options import DepthOptions
from hub_depth.result import DepthMap

if TYPE_CHECKING:
    import numpy as np

MAP = "depth"
LIMIT = 10.0  # of log depth about the typical one: a factor of 22,000 either way, and never infinity


class Depth(Head):
    """Fuses the levels from the coarsest to the finest and reads off the logarithm of depth.

    It learns from the map ``"depth"``: floats in any unit, the one of its predictions; a pixel that is NaN,
    infinite or not positive is unknown. It has no classes.

    Args:
        channels, strides: level → channels, stride.
        labels: empty.
        options: see `DepthOptions`.
    """

    Options: ClassVar[type[DepthOptions]] = DepthOptions
    needs = frozenset({MAP})
    labels_from = None
    options: DepthOptions

    def __init__(
        self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: DepthOptions
    ) -> None:
        super().__init__(channels, strides, labels, options)
        self.order = sorted(options.from_levels, key=lambda level: strides[level], reverse=True)
        self.lateral = nn.ModuleDict({level: nn.Conv2d(channels[level], options.width, 1) for level in self.order})
        self.fuse = nn.ModuleDict({level: _block(options.width) for level in self.order})
        self.predictor = nn.Conv2d(options.width, 1, 3, padding=1)
        nn.init.normal_(self.predictor.weight, std=0.01)
        assert self.predictor.bias is not None
        nn.init.zeros_(self.predictor.bias)

    @classmethod
    def levels(cls, options: DepthOptions) -> tuple[str, ...]:
        """The levels that are fused."""
        return options.from_levels

    def depth(self, features: Features) -> Tensor:
        """(B, h, w) float32, positive, at the finest level's size."""
        first, *finer = self.order
        fused = self.fuse[first](self.lateral[first](features[first]))
        for level in finer:
            own = self.lateral[level](features[level])
            fused = self.fuse[level](own + F.interpolate(fused, size=own.shape[2:], mode="bilinear"))
        log = self.predictor(fused)[:, 0].float().clamp(-LIMIT, LIMIT)
        depth: Tensor = (log + math.log(self.options.typical)).exp()
        return depth

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """The losses that the options name, at full resolution.

        Raises:
            DataError: the batch has no map ``"depth"``.
        """
        if MAP not in batch.maps:
            raise DataError(f"the batch has no map {MAP!r} to learn from", fix="train on data that provide it")
        depth = F.interpolate(self.depth(features)[:, None], size=batch.images.shape[2:], mode="bilinear")[:, 0]
        return depth_losses(self.options.loss, depth, batch.maps[MAP], variance=self.options.variance)

    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """``depth`` (B, h, w) float32 that covers the padded images, at the finest level's resolution."""
        return {"depth": self.depth(features)}

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[DepthMap]:
        """One `DepthMap` an image, at the size of its file."""
        return [
            DepthMap(
                image_id=batch.image_id(i),
                size=batch.original_size(i),
                depth=depth[0].to("cpu", torch.float32).contiguous(),
            )
            for i, depth in enumerate(batch.to_original(predictions["depth"][:, None]))
        ]

    def metric(self, dataset: Dataset) -> Metric:
        """See `hub_depth.metric.DepthMetric`."""
        from hub_depth.metric import DepthMetric

        return DepthMetric(dataset, MAP)

    def draw(self, image: np.ndarray, result: DepthMap, *, score: float = 0.5) -> np.ndarray:
        """The depth in colors, with a scale; ``score`` has no meaning here."""
        from hub_depth.draw import draw_depth

        return draw_depth(result.depth.numpy(), size=image.shape[:2])


def _block(width: int) -> nn.Sequential:
    """A 3 × 3 convolution with layer norm and ReLU.

    The norm is over the channels of each pixel by itself: statistics of a whole map would change with the padding,
    and so the depth of an image with those that share its batch.
    """
    conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(conv, LayerNorm2d(width), nn.ReLU(inplace=True))

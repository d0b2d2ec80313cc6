"""What all semantic heads share: losses, results, metric and drawing. An architecture adds its layers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field, field_validator
from torch import Tensor

from hub import Batch, ClassRows, Features, Head, Metric, Options, SemanticMap
from hub.data import Dataset
from hub.errors import DataError, did_you_mean
from hub_segmentation.losses import LOSSES, semantic_losses
from hub_segmentation.windows import SemanticWindows

if TYPE_CHECKING:
    import numpy as np

    from hub.contract.window_layout import WindowLayout
    from hub.contract.windows import Weights, WindowMerger


class SemanticOptions(Options):
    """Options of every semantic head.

    Attributes:
        loss: name of a loss → its weight: cross_entropy, dice, focal, jaccard, lovasz, tversky.
    """

    loss: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=lambda: {"cross_entropy": 1.0}, min_length=1)

    @field_validator("loss")
    @classmethod
    def _known(cls, value: dict[str, float]) -> dict[str, float]:
        for name in value:
            if name not in LOSSES:
                raise ValueError(
                    f"there is no loss {name!r}.{did_you_mean(name, LOSSES)} Choose of {', '.join(LOSSES)}"
                )
        return value


class SemanticHead(Head):
    """Base of the semantic heads: a subclass builds its layers and implements `logits`.

    It learns from the map ``"semantic"``: integer classes, 255 where a pixel has none.
    """

    Options: ClassVar[type[SemanticOptions]] = SemanticOptions
    needs = frozenset({"semantic"})
    labels_from = "semantic"
    options: SemanticOptions

    @abstractmethod
    def logits(self, features: Features) -> Tensor:
        """(B, classes, h, w) at whatever resolution the architecture has."""

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """The losses that the options name, at full resolution.

        Raises:
            DataError: the batch has no map ``"semantic"``.
        """
        if "semantic" not in batch.maps:
            raise DataError("the batch has no map 'semantic' to learn from", fix="train on data that provide it")
        logits = F.interpolate(self.logits(features).float(), size=batch.images.shape[2:], mode="bilinear")
        return semantic_losses(self.options.loss, logits, batch.maps["semantic"])

    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """``logits`` (B, classes, h, w) float32 that cover the padded images, at the architecture's resolution."""
        return {"logits": self.logits(features).float()}

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[SemanticMap]:
        """One `hub.SemanticMap` an image, at the size of its file."""
        originals = batch.original_sizes.tolist()
        dtype = torch.uint8 if len(self.labels) <= 255 else torch.int64
        return [
            SemanticMap(
                image_id=batch.image_id(i),
                size=(originals[i][0], originals[i][1]),
                classes=scores.argmax(0).to(dtype).cpu(),
                label_space=self.labels,
            )
            for i, scores in enumerate(self.scores(predictions, batch))
        ]

    def scores(self, predictions: Mapping[str, Tensor], batch: Batch) -> Iterator[Tensor]:
        """Of each image the logits (classes, H, W) float32 at the size of its file, where `results` has the largest."""
        sizes, originals = batch.sizes.tolist(), batch.original_sizes.tolist()
        for i, logits in enumerate(predictions["logits"]):
            full = F.interpolate(logits[None].float(), size=batch.images.shape[2:], mode="bilinear")
            inside = full[..., : sizes[i][0], : sizes[i][1]]
            if sizes[i] != originals[i]:
                inside = F.interpolate(inside, size=tuple(originals[i]), mode="bilinear")
            yield inside[0]

    def window_merger(self, whole: Batch, layout: WindowLayout, *, weights: Weights) -> WindowMerger:
        """The weighted mean of the windows' logits; see `SemanticWindows`."""
        return SemanticWindows(self.labels, whole, layout, weights)

    def metric(self, dataset: Dataset) -> Metric:
        """Mean IoU and its companions; see `hub.evaluation.SemanticMetric`."""
        from hub.evaluation import SemanticMetric

        return SemanticMetric(dataset, self.labels)

    def draw(self, image: np.ndarray, result: SemanticMap, *, score: float = 0.5) -> np.ndarray:
        """A copy of the image, tinted by class, with a legend; ``score`` has no meaning here."""
        from hub.visual import draw_semantic

        return draw_semantic(image, result.classes.numpy(), self.labels)

    def class_rows(self) -> dict[str, ClassRows]:
        """The rows of the last convolution."""
        return {"predictor.weight": ClassRows(), "predictor.bias": ClassRows()}

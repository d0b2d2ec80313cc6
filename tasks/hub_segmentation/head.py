"""What all semantic heads share: losses, results, metric and drawing. A subclass adds its layers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import torch
import torch.nn.functional as F
from pydantic import Field, field_validator
from torch import Tensor
from typing_extensions import TypeVar

from hub import Batch, ClassRows, Features, Head, Metric, Options, SemanticMap
from hub.contract import check_losses
from hub.data import Dataset
from hub.errors import DataError
from hub_segmentation.losses import semantic_losses
from hub_segmentation.windows import SemanticMerger

if TYPE_CHECKING:
    import numpy as np

    from hub.contract import Weights, WindowLayout, WindowMerger


class SemanticOptions(Options):
    """Options of every semantic head.

    Attributes:
        loss: name of a loss → its weight; `hub list --losses` lists them.
    """

    loss: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=lambda: {"cross_entropy": 1.0}, min_length=1)

    @field_validator("loss")
    @classmethod
    def _losses_exist(cls, value: dict[str, float]) -> dict[str, float]:
        check_losses(value, kind="semantic")
        return value


O = TypeVar("O", bound=SemanticOptions, default=SemanticOptions)  # noqa: E741


class SemanticHead(Head[O, SemanticMap]):
    """Base of the semantic heads: a subclass builds its layers and implements `logits`.

    It learns from the map ``"semantic"``: integer classes, 255 for pixels to ignore.
    """

    needs = frozenset({"semantic"})
    labels_from = "semantic"

    @abstractmethod
    def logits(self, features: Features) -> Tensor:
        """Return (B, classes, h, w) at the resolution of the architecture."""

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of the option ``loss``, at full resolution.

        Raises:
            DataError: the batch has no map ``"semantic"``.
        """
        return self.map_losses(self.logits(features), batch)

    def map_losses(self, logits: Tensor, batch: Batch, *, factor: float = 1.0) -> dict[str, Tensor]:
        """Return the losses of logits (B, classes, h, w) of any resolution, times a factor.

        Raises:
            DataError: the batch has no map ``"semantic"``.
        """
        if "semantic" not in batch.maps:
            raise DataError(
                "the batch has no map 'semantic' to learn from", fix="train on a dataset that provides semantic maps"
            )
        weights = {name: factor * weight for name, weight in self.options.loss.items()}
        logits = F.interpolate(logits.float(), size=batch.images.shape[2:], mode="bilinear")
        return semantic_losses(weights, logits, batch.maps["semantic"])

    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return ``logits`` (B, classes, h, w) float32 of the padded images, at the architecture's resolution."""
        return {"logits": self.logits(features).float()}

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[SemanticMap]:
        """Return one `hub.SemanticMap` per image, at the size of its file."""
        dtype = torch.uint8 if len(self.labels) <= 255 else torch.int64
        return [
            SemanticMap(
                image_id=batch.image_id(i),
                size=batch.original_size(i),
                classes=logits.argmax(0).to(dtype).cpu(),
                label_space=self.labels,
            )
            for i, logits in enumerate(self.original_logits(predictions, batch))
        ]

    def original_logits(self, predictions: Mapping[str, Tensor], batch: Batch) -> Iterator[Tensor]:
        """Return the logits (classes, H, W) float32 of each image at the size of its file."""
        return batch.to_original(predictions["logits"])

    def window_merger(self, whole: Batch, layout: WindowLayout, *, weights: Weights) -> WindowMerger:
        """Return a `SemanticMerger`, which takes the weighted mean of the windows' logits."""
        return SemanticMerger(self.labels, whole, layout, weights)

    def metric(self, dataset: Dataset) -> Metric:
        """Return mean IoU and related metrics; see `hub.evaluation.SemanticMetric`."""
        from hub.evaluation import SemanticMetric

        return SemanticMetric(dataset, self.labels)

    def draw(self, image: np.ndarray, result: SemanticMap, *, score: float = 0.5) -> np.ndarray:
        """Return a copy of the image tinted by class, with a legend; ``score`` is not used."""
        from hub.visual import draw_semantic

        return draw_semantic(image, result.classes.numpy(), self.labels)

    def class_rows(self) -> dict[str, ClassRows]:
        """Return the rows of the last convolution."""
        return {"predictor.weight": ClassRows(), "predictor.bias": ClassRows()}

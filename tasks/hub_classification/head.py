"""What both classification heads share: pooling, a linear layer, results and drawing."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor, nn
from typing_extensions import TypeVar

from hub import Batch, Classification, ClassRows, Features, Head, LabelSpace, Options
from hub.contract import FractionBelowOne

if TYPE_CHECKING:
    import numpy as np


class ClassificationOptions(Options):
    """Options of both heads.

    Attributes:
        from_level: input of the classifier: ``pooled``, the vector that the backbone's own classifier reads, after all
            layers before it, so that its pretrained classifier can be kept; or a feature map (``c5``, ``p5``), which is
            averaged over the image.
        dropout: fraction of the input that training zeroes.
    """

    from_level: str = "pooled"
    dropout: FractionBelowOne = 0.0


O = TypeVar("O", bound=ClassificationOptions, default=ClassificationOptions)  # noqa: E741


class ClassificationHead(Head[O, Classification]):
    """One vector per image, and a linear layer with a logit for each class.

    Args:
        channels, strides: level → channels, stride.
        labels: the classes.
        options: see `ClassificationOptions`.
    """

    def __init__(self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: O) -> None:
        super().__init__(channels, strides, labels, options)
        self.dropout = nn.Dropout(options.dropout)
        self.predictor = nn.Linear(channels[options.from_level], len(labels))
        nn.init.normal_(self.predictor.weight, std=0.01)
        nn.init.zeros_(self.predictor.bias)

    @classmethod
    def levels(cls, options: O) -> tuple[str, ...]:
        """Return the level that the classifier reads."""
        return (options.from_level,)

    @abstractmethod
    def scores(self, logits: Tensor) -> Tensor:
        """Map logits (B, classes) to scores from 0 to 1."""

    def logits(self, features: Features) -> Tensor:
        """Return (B, classes) float32."""
        pooled = features[self.options.from_level].float()
        if pooled.ndim == 4:
            pooled = pooled.mean((2, 3))
        logits: Tensor = self.predictor(self.dropout(pooled))
        return logits.float()

    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return ``scores`` (B, classes) float32 from 0 to 1."""
        return {"scores": self.scores(self.logits(features))}

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Classification]:
        """Return one `hub.Classification` per image, on the CPU."""
        return [
            Classification(
                image_id=batch.image_id(i),
                size=(size[0], size[1]),
                scores=scores.float(),
                label_space=self.labels,
            )
            for i, (scores, size) in enumerate(
                zip(predictions["scores"].cpu(), batch.original_sizes.tolist(), strict=True)
            )
        ]

    def draw(self, image: np.ndarray, result: Classification, *, score: float = 0.5) -> np.ndarray:
        """Return a copy of the image with the names of the best classes and of all others with at least ``score``."""
        from hub.visual import draw_classes

        return draw_classes(image, result.label_space.names, result.scores.numpy(), score=score)

    def class_rows(self) -> dict[str, ClassRows]:
        """Return the rows of the linear layer."""
        return {"predictor.weight": ClassRows(), "predictor.bias": ClassRows()}

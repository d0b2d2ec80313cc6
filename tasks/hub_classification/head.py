"""What both classification heads share: pooling, a linear layer, results and drawing."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn

from hub import Batch, Classification, ClassRows, Features, Head, LabelSpace, Options

if TYPE_CHECKING:
    import numpy as np


class ClassificationOptions(Options):
    """Options of both heads.

    Attributes:
        from_level: what the classes are read from: ``pooled``, the vector that the backbone's own classifier reads,
            with whatever layers come before it, so that its pretrained classifier can be kept; or a map (``c5``,
            ``p5``), of which the mean over the image is taken.
        dropout: share of that vector that training leaves out.
    """

    from_level: str = "pooled"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class ClassificationHead(Head):
    """Base: one vector an image, and a linear layer with a score for each class.

    Args:
        channels, strides: level → channels, stride.
        labels: the classes.
        options: see `ClassificationOptions`.
    """

    Options: ClassVar[type[ClassificationOptions]] = ClassificationOptions
    options: ClassificationOptions

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        labels: LabelSpace,
        options: ClassificationOptions,
    ) -> None:
        super().__init__(channels, strides, labels, options)
        self.dropout = nn.Dropout(options.dropout)
        self.predictor = nn.Linear(channels[options.from_level], len(labels))
        nn.init.normal_(self.predictor.weight, std=0.01)
        nn.init.zeros_(self.predictor.bias)

    @classmethod
    def levels(cls, options: ClassificationOptions) -> tuple[str, ...]:
        """The level that the classes are read from."""
        return (options.from_level,)

    @abstractmethod
    def scores(self, logits: Tensor) -> Tensor:
        """(B, classes) logits to scores from 0 to 1."""

    def logits(self, features: Features) -> Tensor:
        """(B, classes) float32."""
        pooled = features[self.options.from_level].float()
        if pooled.ndim == 4:
            pooled = pooled.mean((2, 3))
        logits: Tensor = self.predictor(self.dropout(pooled)).float()
        return logits

    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """``scores`` (B, classes) float32 from 0 to 1."""
        return {"scores": self.scores(self.logits(features))}

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Classification]:
        """One `hub.Classification` an image, on the CPU."""
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
        """A copy of the image with the names of the best classes; the others of at least ``score`` too."""
        from hub.visual import draw_classes

        return draw_classes(image, result.label_space.names, result.scores.numpy(), score=score)

    def class_rows(self) -> dict[str, ClassRows]:
        """The rows of the linear layer."""
        return {"predictor.weight": ClassRows(), "predictor.bias": ClassRows()}

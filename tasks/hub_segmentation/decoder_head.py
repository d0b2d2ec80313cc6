"""segmentation_models.pytorch's decoders on the hub's raw features ``c1``…``c5``: what all of them share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from hub import Features, LabelSpace
from hub_segmentation.head import SemanticHead, SemanticOptions

LEVELS = ("c1", "c2", "c3", "c4", "c5")
Count = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Norm = Literal["batchnorm", "groupnorm", "instancenorm", "layernorm"]


class DecoderHead(SemanticHead):
    """A decoder of segmentation_models.pytorch and a convolution that names the classes.

    A subclass builds the decoder in `make_decoder`, from the channels of the image and of c1 to c5.

    Args:
        channels, strides: level → channels, stride.
        labels: the classes.
        options: of the architecture.
    """

    kernel: ClassVar[int] = 1  # of the last convolution, as in segmentation_models.pytorch

    def __init__(
        self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: SemanticOptions
    ) -> None:
        super().__init__(channels, strides, labels, options)
        from segmentation_models_pytorch.base.initialization import initialize_decoder

        self.decoder, width = self.make_decoder([3, *(channels[level] for level in LEVELS)], options)
        initialize_decoder(self.decoder)
        self.predictor = nn.Conv2d(width, len(labels), self.kernel, padding=self.kernel // 2)
        nn.init.xavier_uniform_(self.predictor.weight)
        assert self.predictor.bias is not None
        nn.init.zeros_(self.predictor.bias)

    @classmethod
    def levels(cls, options: SemanticOptions) -> tuple[str, ...]:
        """All raw levels."""
        return LEVELS

    @abstractmethod
    def make_decoder(self, channels: list[int], options: Any) -> tuple[nn.Module, int]:
        """The decoder and the channels that it gives."""

    def logits(self, features: Features) -> Tensor:
        """(B, classes, h, w) at the decoder's resolution."""
        first = features[LEVELS[0]]
        # Decoders ask the image for nothing but its size.
        image = first.new_empty(len(first), 0, first.shape[2] * self.strides["c1"], first.shape[3] * self.strides["c1"])
        logits: Tensor = self.predictor(self.decoder([image, *(features[level] for level in LEVELS)]))
        return logits

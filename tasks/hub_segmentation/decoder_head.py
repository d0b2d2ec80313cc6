"""Base class of the heads with a decoder of segmentation_models.pytorch on the raw features ``c1``…``c5``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor, nn
from typing_extensions import TypeVar

from hub import Features, LabelSpace
from hub.backbones import set_norm
from hub_segmentation.head import SemanticHead, SemanticOptions

LEVELS = ("c1", "c2", "c3", "c4", "c5")
Norm = Literal["batch", "frozen", "group", "sync"]


class DecoderOptions(SemanticOptions):
    """Options of every decoder: these, and those of `SemanticOptions`.

    Attributes:
        norm: in the decoder: batch, frozen, group or sync; see `hub.backbones.norm.set_norm`.
    """

    norm: Norm = "batch"


O = TypeVar("O", bound=DecoderOptions, default=DecoderOptions)  # noqa: E741


class DecoderHead(SemanticHead[O]):
    """A decoder of segmentation_models.pytorch, and a convolution that classifies its pixels.

    A subclass builds the decoder in `make_decoder`.

    Args:
        channels, strides: level → channels, stride.
        labels: the classes.
        options: of the architecture.
    """

    kernel_size: ClassVar[int] = 1  # of the last convolution, as in segmentation_models.pytorch

    def __init__(self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: O) -> None:
        super().__init__(channels, strides, labels, options)
        from segmentation_models_pytorch.base.initialization import initialize_decoder

        decoder, out_channels = self.make_decoder([3, *(channels[level] for level in LEVELS)])
        initialize_decoder(decoder)
        self.decoder = set_norm(decoder, options.norm)
        self.predictor = nn.Conv2d(out_channels, len(labels), self.kernel_size, padding=self.kernel_size // 2)
        nn.init.xavier_uniform_(self.predictor.weight)
        assert self.predictor.bias is not None
        nn.init.zeros_(self.predictor.bias)

    @classmethod
    def levels(cls, options: O) -> tuple[str, ...]:
        """Return all raw levels."""
        return LEVELS

    @abstractmethod
    def make_decoder(self, channels: list[int]) -> tuple[nn.Module, int]:
        """Build the decoder for these channels of the image and of c1 to c5; also return its output channels."""

    def logits(self, features: Features) -> Tensor:
        """Return (B, classes, h, w) at the decoder's resolution."""
        logits: Tensor = self.predictor(self.decoder(self.decoder_inputs(features)))
        return logits

    def decoder_inputs(self, features: Features) -> list[Tensor]:
        """Return the image and c1 to c5. Decoders read nothing but the size of the image, so it has no channels."""
        c1, stride = features[LEVELS[0]], self.strides[LEVELS[0]]
        image = c1.new_empty(c1.shape[0], 0, c1.shape[2] * stride, c1.shape[3] * stride)
        return [image, *(features[level] for level in LEVELS)]

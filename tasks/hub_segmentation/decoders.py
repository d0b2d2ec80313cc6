"""Decoders that gather context at several scales, or bring all levels together at once."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from hub import Features
from hub.errors import DataError
from hub_segmentation.decoder_head import Count, DecoderHead, Norm, Share
from hub_segmentation.head import SemanticOptions


class PSPNetOptions(SemanticOptions):
    """Options of PSPNet.

    Attributes:
        decoder_channels: channels that the decoder gives.
        norm: in the decoder.
        dropout: share of its channels that training leaves out.
    """

    decoder_channels: Count = 512
    norm: Norm = "batchnorm"
    dropout: Share = 0.2


class PSPNet(DecoderHead):
    """PSPNet (Zhao et al. 2017, https://arxiv.org/abs/1612.01105), on the coarsest level."""

    Options: ClassVar[type[PSPNetOptions]] = PSPNetOptions
    kernel = 3

    def make_decoder(self, channels: list[int], options: PSPNetOptions) -> tuple[nn.Module, int]:
        """PSPNet's."""
        from segmentation_models_pytorch.decoders.pspnet.decoder import PSPDecoder

        return PSPDecoder(channels, options.norm, options.decoder_channels, options.dropout), options.decoder_channels


class PANOptions(SemanticOptions):
    """Options of PAN.

    Attributes:
        decoder_channels: channels of the decoder.
    """

    decoder_channels: Count = 32


class PAN(DecoderHead):
    """PAN (Li et al. 2018, https://arxiv.org/abs/1805.10180); it halves the coarsest level three times."""

    Options: ClassVar[type[PANOptions]] = PANOptions
    kernel = 3

    def make_decoder(self, channels: list[int], options: PANOptions) -> tuple[nn.Module, int]:
        """PAN's."""
        from segmentation_models_pytorch.decoders.pan.decoder import PANDecoder

        return PANDecoder(channels, 5, options.decoder_channels), options.decoder_channels

    def logits(self, features: Features) -> Tensor:
        """(B, classes, h, w) at c2's resolution.

        Raises:
            DataError: the images are too small to be halved so often.
        """
        least = 8 * self.strides["c5"]
        if min(features["c5"].shape[2:]) < 8:
            raise DataError(f"pan needs images of at least {least} pixels a side", fix="resize to that, or use unet")
        return super().logits(features)


class DeepLabOptions(SemanticOptions):
    """Options of DeepLabv3 and DeepLabv3+.

    Attributes:
        decoder_channels: channels of the decoder.
        atrous_rates: of the dilated convolutions; published for a coarsest stride of 16.
        dropout: share of its channels that training leaves out.
    """

    decoder_channels: Count = 256
    atrous_rates: tuple[Count, Count, Count] = (12, 24, 36)
    dropout: Share = 0.5


class DeepLabV3(DecoderHead):
    """DeepLabv3 (Chen et al. 2017, https://arxiv.org/abs/1706.05587), on the coarsest level."""

    Options: ClassVar[type[DeepLabOptions]] = DeepLabOptions

    def make_decoder(self, channels: list[int], options: DeepLabOptions) -> tuple[nn.Module, int]:
        """DeepLabv3's."""
        from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3Decoder

        decoder = DeepLabV3Decoder(channels[-1], options.decoder_channels, options.atrous_rates, False, options.dropout)
        return decoder, options.decoder_channels


class DeepLabV3Plus(DecoderHead):
    """DeepLabv3+ (Chen et al. 2018, https://arxiv.org/abs/1802.02611): the coarsest level, refined with c2."""

    Options: ClassVar[type[DeepLabOptions]] = DeepLabOptions

    def make_decoder(self, channels: list[int], options: DeepLabOptions) -> tuple[nn.Module, int]:
        """DeepLabv3+'s, enlarging by what lies between the trunk's strides: it need not be dilated."""
        from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder

        decoder = DeepLabV3PlusDecoder(
            channels, 5, options.decoder_channels, options.atrous_rates, 16, True, options.dropout
        )
        decoder.up = nn.Upsample(scale_factor=self.strides["c5"] // self.strides["c2"], mode="bilinear")
        return decoder, options.decoder_channels


class UPerNetOptions(SemanticOptions):
    """Options of UPerNet.

    Attributes:
        decoder_channels: channels of the decoder.
        norm: in the decoder.
    """

    decoder_channels: Count = 256
    norm: Norm = "batchnorm"


class UPerNet(DecoderHead):
    """UPerNet (Xiao et al. 2018, https://arxiv.org/abs/1807.10221)."""

    Options: ClassVar[type[UPerNetOptions]] = UPerNetOptions

    def make_decoder(self, channels: list[int], options: UPerNetOptions) -> tuple[nn.Module, int]:
        """UPerNet's."""
        from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder

        return UPerNetDecoder(channels, 5, options.decoder_channels, use_norm=options.norm), options.decoder_channels


class SegformerOptions(SemanticOptions):
    """Options of SegFormer's decoder.

    Attributes:
        decoder_channels: channels of the decoder.
    """

    decoder_channels: Count = 256


class Segformer(DecoderHead):
    """SegFormer's decoder (Xie et al. 2021, https://arxiv.org/abs/2105.15203)."""

    Options: ClassVar[type[SegformerOptions]] = SegformerOptions

    def make_decoder(self, channels: list[int], options: SegformerOptions) -> tuple[nn.Module, int]:
        """SegFormer's."""
        from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder

        return SegformerDecoder(channels, 5, options.decoder_channels), options.decoder_channels

"""Decoders that gather context at several scales, or fuse all levels at once."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor, nn

from hub import Features
from hub.contract import FractionBelowOne
from hub.errors import DataError
from hub_segmentation.decoder_head import DecoderHead, DecoderOptions


class PSPNetOptions(DecoderOptions):
    """Options of PSPNet: these, and those of `DecoderOptions`.

    Attributes:
        decoder_channels: output channels of the decoder.
        dropout: fraction of them that training zeroes.
    """

    decoder_channels: PositiveInt = 512
    dropout: FractionBelowOne = 0.2


class PSPNet(DecoderHead[PSPNetOptions]):
    """PSPNet (Zhao et al. 2017, https://arxiv.org/abs/1612.01105), on the coarsest level."""

    kernel_size = 3

    def make_decoder(self, channels: list[int]) -> tuple[nn.Module, int]:
        """Build PSPNet's decoder."""
        from segmentation_models_pytorch.decoders.pspnet.decoder import PSPDecoder

        width = self.options.decoder_channels
        return PSPDecoder(channels, "batchnorm", width, self.options.dropout), width


class PANOptions(DecoderOptions):
    """Options of PAN: these, and those of `DecoderOptions`.

    Attributes:
        decoder_channels: channels of the decoder.
    """

    decoder_channels: PositiveInt = 32


class PAN(DecoderHead[PANOptions]):
    """PAN (Li et al. 2018, https://arxiv.org/abs/1805.10180); it downsamples the coarsest level three times."""

    kernel_size = 3

    def make_decoder(self, channels: list[int]) -> tuple[nn.Module, int]:
        """Build PAN's decoder."""
        from segmentation_models_pytorch.decoders.pan.decoder import PANDecoder

        width = self.options.decoder_channels
        return PANDecoder(channels, 5, width), width

    def logits(self, features: Features) -> Tensor:
        """Return (B, classes, h, w) at c2's resolution.

        Raises:
            DataError: the images are too small to be downsampled that often.
        """
        min_size = 8 * self.strides["c5"]
        if min(features["c5"].shape[2:]) < 8:
            raise DataError(
                f"pan needs images of at least {min_size}×{min_size} pixels", fix="resize to that, or use unet"
            )
        return super().logits(features)


class DeepLabOptions(DecoderOptions):
    """Options of DeepLabv3 and DeepLabv3+: these, and those of `DecoderOptions`.

    Attributes:
        decoder_channels: channels of the decoder.
        atrous_rates: dilations of the convolutions; the published ones are for a coarsest stride of 16.
        dropout: fraction of the channels that training zeroes.
    """

    decoder_channels: PositiveInt = 256
    atrous_rates: tuple[PositiveInt, PositiveInt, PositiveInt] = (12, 24, 36)
    dropout: FractionBelowOne = 0.5


class DeepLabV3(DecoderHead[DeepLabOptions]):
    """DeepLabv3 (Chen et al. 2017, https://arxiv.org/abs/1706.05587), on the coarsest level."""

    def make_decoder(self, channels: list[int]) -> tuple[nn.Module, int]:
        """Build DeepLabv3's decoder."""
        from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3Decoder

        o = self.options
        return DeepLabV3Decoder(channels[-1], o.decoder_channels, o.atrous_rates, False, o.dropout), o.decoder_channels


class DeepLabV3Plus(DecoderHead[DeepLabOptions]):
    """DeepLabv3+ (Chen et al. 2018, https://arxiv.org/abs/1802.02611): the coarsest level, refined with c2."""

    def make_decoder(self, channels: list[int]) -> tuple[nn.Module, int]:
        """Build DeepLabv3+'s decoder, upsampling by the ratio of the trunk's strides, which need not be dilated."""
        from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder

        o = self.options
        decoder = DeepLabV3PlusDecoder(channels, 5, o.decoder_channels, o.atrous_rates, 16, True, o.dropout)
        decoder.up = nn.Upsample(scale_factor=self.strides["c5"] // self.strides["c2"], mode="bilinear")
        return decoder, o.decoder_channels


class UPerNetOptions(DecoderOptions):
    """Options of UPerNet: these, and those of `DecoderOptions`.

    Attributes:
        decoder_channels: channels of the decoder.
    """

    decoder_channels: PositiveInt = 256


class UPerNet(DecoderHead[UPerNetOptions]):
    """UPerNet (Xiao et al. 2018, https://arxiv.org/abs/1807.10221)."""

    def make_decoder(self, channels: list[int]) -> tuple[nn.Module, int]:
        """Build UPerNet's decoder."""
        from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder

        width = self.options.decoder_channels
        return UPerNetDecoder(channels, 5, width, use_norm="batchnorm"), width


class SegformerOptions(DecoderOptions):
    """Options of SegFormer's decoder: these, and those of `DecoderOptions`.

    Attributes:
        decoder_channels: channels of the decoder.
    """

    decoder_channels: PositiveInt = 256


class Segformer(DecoderHead[SegformerOptions]):
    """SegFormer's decoder (Xie et al. 2021, https://arxiv.org/abs/2105.15203)."""

    def make_decoder(self, channels: list[int]) -> tuple[nn.Module, int]:
        """Build SegFormer's decoder."""
        from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder

        width = self.options.decoder_channels
        return SegformerDecoder(channels, 5, width), width

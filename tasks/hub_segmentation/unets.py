"""U-Net and its relatives: decoders that upsample block by block, each block with the level of its size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from hub import Batch, ClassRows, Features, LabelSpace
from hub_segmentation.decoder_head import DecoderHead, DecoderOptions

BlockChannels = tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt, PositiveInt]


class UnetPlusPlusOptions(DecoderOptions):
    """Options of U-Net++: these, and those of `DecoderOptions`.

    Attributes:
        decoder_channels: of the five blocks, coarsest first.
        attention: ``scse`` or None.
    """

    decoder_channels: BlockChannels = (256, 128, 64, 32, 16)
    attention: Literal["scse"] | None = None


class UnetOptions(UnetPlusPlusOptions):
    """Options of U-Net: these, and those of `UnetPlusPlusOptions`.

    Attributes:
        deep_supervision: weights of auxiliary losses on the blocks before the last, finest first, such as
            ``[0.5, 0.25]`` (Lee et al. 2014, https://arxiv.org/abs/1409.5185).
    """

    deep_supervision: Annotated[tuple[PositiveFloat, ...], Field(max_length=4)] = ()


class Unet(DecoderHead[UnetOptions]):
    """U-Net (Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597)."""

    kernel_size = 3

    def __init__(
        self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: UnetOptions
    ) -> None:
        super().__init__(channels, strides, labels, options)
        coarser = options.decoder_channels[-2::-1]
        self.auxiliary = nn.ModuleList(
            nn.Conv2d(width, len(labels), 1) for width, _ in zip(coarser, options.deep_supervision, strict=False)
        )

    def make_decoder(self, channels: list[int]) -> tuple[nn.Module, int]:
        """Build U-Net's decoder."""
        from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder

        o = self.options
        decoder = UnetDecoder(channels, o.decoder_channels, use_norm="batchnorm", attention_type=o.attention)
        return decoder, o.decoder_channels[-1]

    def decode(self, features: Features) -> list[Tensor]:
        """Return the output of every block of the decoder, coarsest first."""
        finest_first = self.decoder_inputs(features)
        *skips, block = finest_first[1:]
        outputs = []
        for i, decoder_block in enumerate(self.decoder.get_submodule("blocks").children()):
            height, width = finest_first[-2 - i].shape[2:]
            skip = skips[-1 - i] if i < len(skips) else None
            block = decoder_block(block, height, width, skip_connection=skip)
            outputs.append(block)
        return outputs

    def logits(self, features: Features) -> Tensor:
        """Return (B, classes, h, w) at the resolution of the image."""
        logits: Tensor = self.predictor(self.decode(features)[-1])
        return logits

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return the losses; deep supervision adds ``…_deep1``, ``…_deep2``, … for the blocks before the last.

        Raises:
            DataError: see `SemanticHead.losses`.
        """
        *blocks, last = self.decode(features)
        losses = self.map_losses(self.predictor(last), batch)
        for level, (weight, predictor) in enumerate(zip(self.options.deep_supervision, self.auxiliary, strict=True)):
            deep = self.map_losses(predictor(blocks[-1 - level]), batch, factor=weight)
            losses |= {f"{name}_deep{level + 1}": loss for name, loss in deep.items()}
        return losses

    def class_rows(self) -> dict[str, ClassRows]:
        """Return the rows of the last convolution and of the auxiliary ones."""
        rows = {f"auxiliary.{i}.{kind}": ClassRows() for i in range(len(self.auxiliary)) for kind in ("weight", "bias")}
        return {**super().class_rows(), **rows}


class UnetPlusPlus(DecoderHead[UnetPlusPlusOptions]):
    """U-Net++ (Zhou et al. 2018, https://arxiv.org/abs/1807.10165)."""

    kernel_size = 3

    def make_decoder(self, channels: list[int]) -> tuple[nn.Module, int]:
        """Build U-Net++'s decoder."""
        from segmentation_models_pytorch.decoders.unetplusplus.decoder import UnetPlusPlusDecoder

        o = self.options
        decoder = UnetPlusPlusDecoder(channels, o.decoder_channels, use_norm="batchnorm", attention_type=o.attention)
        return decoder, o.decoder_channels[-1]


class MAnetOptions(DecoderOptions):
    """Options of MA-Net: these, and those of `DecoderOptions`.

    Attributes:
        decoder_channels: of the five blocks, coarsest first.
        pab_channels: of the position-wise attention block.
    """

    decoder_channels: BlockChannels = (256, 128, 64, 32, 16)
    pab_channels: PositiveInt = 64


class MAnet(DecoderHead[MAnetOptions]):
    """MA-Net (Fan et al. 2020, https://ieeexplore.ieee.org/document/9201310)."""

    kernel_size = 3

    def make_decoder(self, channels: list[int]) -> tuple[nn.Module, int]:
        """Build MA-Net's decoder."""
        from segmentation_models_pytorch.decoders.manet.decoder import MAnetDecoder

        o = self.options
        decoder = MAnetDecoder(channels, list(o.decoder_channels), use_norm="batchnorm", pab_channels=o.pab_channels)
        return decoder, o.decoder_channels[-1]


class LinknetOptions(DecoderOptions):
    """Options of LinkNet: these, and those of `DecoderOptions`.

    Attributes:
        decoder_channels: output channels of the decoder.
    """

    decoder_channels: PositiveInt = 32


class Linknet(DecoderHead[LinknetOptions]):
    """LinkNet (Chaurasia and Culurciello 2017, https://arxiv.org/abs/1707.03718)."""

    def make_decoder(self, channels: list[int]) -> tuple[nn.Module, int]:
        """Build LinkNet's decoder."""
        from segmentation_models_pytorch.decoders.linknet.decoder import LinknetDecoder

        width = self.options.decoder_channels
        return LinknetDecoder(channels, width, use_norm="batchnorm"), width

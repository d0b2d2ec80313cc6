"""U-Net and its relatives: decoders that double the size block by block, each with the level of that size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from hub import Batch, ClassRows, Features, LabelSpace
from hub_segmentation.decoder_head import Count, DecoderHead, Norm
from hub_segmentation.head import SemanticOptions
from hub_segmentation.losses import semantic_losses


class UnetPlusPlusOptions(SemanticOptions):
    """Options of U-Net++.

    Attributes:
        decoder_channels: of the five blocks, the coarsest first.
        norm: in the decoder.
        attention: ``scse`` or None.
    """

    decoder_channels: tuple[Count, Count, Count, Count, Count] = (256, 128, 64, 32, 16)
    norm: Norm = "batchnorm"
    attention: Literal["scse"] | None = None


class UnetOptions(UnetPlusPlusOptions):
    """Options of U-Net: these, and those of `UnetPlusPlusOptions`.

    Attributes:
        deep_supervision: weights of the losses of the blocks before the last, the finest first, such as
            ``[0.5, 0.25]``: those blocks then learn to name the classes, too (Lee et al. 2014,
            https://arxiv.org/abs/1409.5185).
    """

    deep_supervision: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(max_length=4)] = ()


class Unet(DecoderHead):
    """U-Net (Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597)."""

    Options: ClassVar[type[UnetOptions]] = UnetOptions
    options: UnetOptions
    kernel = 3

    def __init__(
        self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: UnetOptions
    ) -> None:
        super().__init__(channels, strides, labels, options)
        coarser = options.decoder_channels[-2::-1]
        self.auxiliary = nn.ModuleList(
            nn.Conv2d(width, len(labels), 1) for width, _ in zip(coarser, options.deep_supervision, strict=False)
        )

    def make_decoder(self, channels: list[int], options: UnetOptions) -> tuple[nn.Module, int]:
        """U-Net's."""
        from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder

        widths = options.decoder_channels
        return UnetDecoder(channels, widths, use_norm=options.norm, attention_type=options.attention), widths[-1]

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """As of every semantic head; with deep supervision ``…_deep1``, ``…_deep2``, … for the blocks before the last.

        Raises:
            DataError: see `SemanticHead.losses`.
        """
        blocks = list(self.decoder.blocks)[-2::-1]  # type: ignore[arg-type]
        given: dict[int, Tensor] = {}
        hooks = [
            block.register_forward_hook(lambda _, __, out, level=level: given.__setitem__(level, out))
            for level, block in enumerate(blocks[: len(self.auxiliary)])
        ]
        try:
            losses = super().losses(features, batch)
        finally:
            for hook in hooks:
                hook.remove()
        for level, (weight, predictor) in enumerate(zip(self.options.deep_supervision, self.auxiliary, strict=True)):
            logits = F.interpolate(predictor(given[level]).float(), size=batch.images.shape[2:], mode="bilinear")
            scaled = {name: weight * factor for name, factor in self.options.loss.items()}
            for name, loss in semantic_losses(scaled, logits, batch.maps["semantic"]).items():
                losses[f"{name}_deep{level + 1}"] = loss
        return losses

    def class_rows(self) -> dict[str, ClassRows]:
        """The rows of the last convolution, and of those that supervise the blocks before."""
        rows = {f"auxiliary.{i}.{kind}": ClassRows() for i in range(len(self.auxiliary)) for kind in ("weight", "bias")}
        return {**super().class_rows(), **rows}


class UnetPlusPlus(DecoderHead):
    """U-Net++ (Zhou et al. 2018, https://arxiv.org/abs/1807.10165)."""

    Options: ClassVar[type[UnetPlusPlusOptions]] = UnetPlusPlusOptions
    kernel = 3

    def make_decoder(self, channels: list[int], options: UnetPlusPlusOptions) -> tuple[nn.Module, int]:
        """U-Net++'s."""
        from segmentation_models_pytorch.decoders.unetplusplus.decoder import UnetPlusPlusDecoder

        widths = options.decoder_channels
        decoder = UnetPlusPlusDecoder(channels, widths, use_norm=options.norm, attention_type=options.attention)
        return decoder, widths[-1]


class MAnetOptions(SemanticOptions):
    """Options of MA-Net.

    Attributes:
        decoder_channels: of the five blocks, the coarsest first.
        norm: in the decoder.
        pab_channels: of the position-wise attention.
    """

    decoder_channels: tuple[Count, Count, Count, Count, Count] = (256, 128, 64, 32, 16)
    norm: Norm = "batchnorm"
    pab_channels: Count = 64


class MAnet(DecoderHead):
    """MA-Net (Fan et al. 2020, https://ieeexplore.ieee.org/document/9201310)."""

    Options: ClassVar[type[MAnetOptions]] = MAnetOptions
    kernel = 3

    def make_decoder(self, channels: list[int], options: MAnetOptions) -> tuple[nn.Module, int]:
        """MA-Net's."""
        from segmentation_models_pytorch.decoders.manet.decoder import MAnetDecoder

        widths = list(options.decoder_channels)
        return MAnetDecoder(channels, widths, use_norm=options.norm, pab_channels=options.pab_channels), widths[-1]


class LinknetOptions(SemanticOptions):
    """Options of LinkNet.

    Attributes:
        decoder_channels: channels that the decoder gives.
        norm: in the decoder.
    """

    decoder_channels: Count = 32
    norm: Norm = "batchnorm"


class Linknet(DecoderHead):
    """LinkNet (Chaurasia and Culurciello 2017, https://arxiv.org/abs/1707.03718)."""

    Options: ClassVar[type[LinknetOptions]] = LinknetOptions

    def make_decoder(self, channels: list[int], options: LinknetOptions) -> tuple[nn.Module, int]:
        """LinkNet's."""
        from segmentation_models_pytorch.decoders.linknet.decoder import LinknetDecoder

        return LinknetDecoder(channels, options.decoder_channels, use_norm=options.norm), options.decoder_channels

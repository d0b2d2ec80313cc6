"""segmentation_models.pytorch's decoders on the hub's raw features ``c1``…``c5``, one class an architecture."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from hub import Batch, ClassRows, Features, LabelSpace
from hub.errors import DataError
from hub_segmentation.head import SemanticHead, SemanticOptions
from hub_segmentation.losses import semantic_losses

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
        return self.predictor(self.decoder([image, *(features[level] for level in LEVELS)]))


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
        width: channels that the decoder gives.
        norm: in the decoder.
    """

    width: Count = 32
    norm: Norm = "batchnorm"


class Linknet(DecoderHead):
    """LinkNet (Chaurasia and Culurciello 2017, https://arxiv.org/abs/1707.03718)."""

    Options: ClassVar[type[LinknetOptions]] = LinknetOptions

    def make_decoder(self, channels: list[int], options: LinknetOptions) -> tuple[nn.Module, int]:
        """LinkNet's."""
        from segmentation_models_pytorch.decoders.linknet.decoder import LinknetDecoder

        return LinknetDecoder(channels, options.width, use_norm=options.norm), options.width


class PSPNetOptions(SemanticOptions):
    """Options of PSPNet.

    Attributes:
        width: channels that the decoder gives.
        norm: in the decoder.
        dropout: share of its channels that training leaves out.
    """

    width: Count = 512
    norm: Norm = "batchnorm"
    dropout: Share = 0.2


class PSPNet(DecoderHead):
    """PSPNet (Zhao et al. 2017, https://arxiv.org/abs/1612.01105), on the coarsest level."""

    Options: ClassVar[type[PSPNetOptions]] = PSPNetOptions
    kernel = 3

    def make_decoder(self, channels: list[int], options: PSPNetOptions) -> tuple[nn.Module, int]:
        """PSPNet's."""
        from segmentation_models_pytorch.decoders.pspnet.decoder import PSPDecoder

        return PSPDecoder(channels, options.norm, options.width, options.dropout), options.width


class PANOptions(SemanticOptions):
    """Options of PAN.

    Attributes:
        width: channels of the decoder.
    """

    width: Count = 32


class PAN(DecoderHead):
    """PAN (Li et al. 2018, https://arxiv.org/abs/1805.10180); it halves the coarsest level three times."""

    Options: ClassVar[type[PANOptions]] = PANOptions
    kernel = 3

    def make_decoder(self, channels: list[int], options: PANOptions) -> tuple[nn.Module, int]:
        """PAN's."""
        from segmentation_models_pytorch.decoders.pan.decoder import PANDecoder

        return PANDecoder(channels, 5, options.width), options.width

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
        width: channels of the decoder.
        rates: of the dilated convolutions; published for a coarsest stride of 16.
        dropout: share of its channels that training leaves out.
    """

    width: Count = 256
    rates: tuple[Count, Count, Count] = (12, 24, 36)
    dropout: Share = 0.5


class DeepLabV3(DecoderHead):
    """DeepLabv3 (Chen et al. 2017, https://arxiv.org/abs/1706.05587), on the coarsest level."""

    Options: ClassVar[type[DeepLabOptions]] = DeepLabOptions

    def make_decoder(self, channels: list[int], options: DeepLabOptions) -> tuple[nn.Module, int]:
        """DeepLabv3's."""
        from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3Decoder

        decoder = DeepLabV3Decoder(channels[-1], options.width, options.rates, False, options.dropout)
        return decoder, options.width


class DeepLabV3Plus(DecoderHead):
    """DeepLabv3+ (Chen et al. 2018, https://arxiv.org/abs/1802.02611): the coarsest level, refined with c2."""

    Options: ClassVar[type[DeepLabOptions]] = DeepLabOptions

    def make_decoder(self, channels: list[int], options: DeepLabOptions) -> tuple[nn.Module, int]:
        """DeepLabv3+'s, enlarging by what lies between the trunk's strides: it need not be dilated."""
        from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder

        decoder = DeepLabV3PlusDecoder(channels, 5, options.width, options.rates, 16, True, options.dropout)
        decoder.up = nn.Upsample(scale_factor=self.strides["c5"] // self.strides["c2"], mode="bilinear")
        return decoder, options.width


class UPerNetOptions(SemanticOptions):
    """Options of UPerNet.

    Attributes:
        width: channels of the decoder.
        norm: in the decoder.
    """

    width: Count = 256
    norm: Norm = "batchnorm"


class UPerNet(DecoderHead):
    """UPerNet (Xiao et al. 2018, https://arxiv.org/abs/1807.10221)."""

    Options: ClassVar[type[UPerNetOptions]] = UPerNetOptions

    def make_decoder(self, channels: list[int], options: UPerNetOptions) -> tuple[nn.Module, int]:
        """UPerNet's."""
        from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder

        return UPerNetDecoder(channels, 5, options.width, use_norm=options.norm), options.width


class SegformerOptions(SemanticOptions):
    """Options of SegFormer's decoder.

    Attributes:
        width: channels of the decoder.
    """

    width: Count = 256


class Segformer(DecoderHead):
    """SegFormer's decoder (Xie et al. 2021, https://arxiv.org/abs/2105.15203)."""

    Options: ClassVar[type[SegformerOptions]] = SegformerOptions

    def make_decoder(self, channels: list[int], options: SegformerOptions) -> tuple[nn.Module, int]:
        """SegFormer's."""
        from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder

        return SegformerDecoder(channels, 5, options.width), options.width

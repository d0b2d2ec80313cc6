"""The head ``unet3d``: a class for every voxel of a patch, and of volumes in windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch.nn.functional as F
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor, nn

from hub import Batch, ClassRows, Features, Head, LabelSpace, Metric, Model, Options, ResizeRule
from hub.contract import check_losses
from hub.data import Dataset
from hub.errors import ContractError, DataError, OptionError
from hub_medical.backbones.cpu_precision import volume_precision
from hub_medical.segmentation.losses import voxel_losses
from hub_medical.segmentation.patch_metric import PatchMetric
from hub_medical.segmentation.patch_result import PatchScores
from hub_medical.segmentation.predictor import Settings
from hub_medical.segmentation.unet3d_decoder import Norm, UNet3dDecoder
from hub_medical.segmentation.window_predictor import WindowPredictor

if TYPE_CHECKING:
    import numpy as np

Positive = Annotated[float, Field(gt=0)]
Pixels = Annotated[int, Field(gt=0)]


class UNet3dOptions(Options):
    """Options of `UNet3d`.

    Attributes:
        loss: name of a loss → its weight: cross_entropy, dice, focal, tversky.
        deep_supervision: also learn from the coarser maps of the decoder, each with half the weight of the next finer
            one (Isensee et al. 2021, https://doi.org/10.1038/s41592-020-01008-z).
        from_levels: levels that the decoder reads, the finest first: ``c0`` is the volume itself.
        widths: channels of the decoder at each of them but the last.
        norm: "group" or "instance".
        window: height and width of the windows in which whole volumes are predicted; rounded up to the backbone's
            largest stride. Their depth is the one that the model learned from.
        overlap: share of a window that its neighbor covers at least.
    """

    loss: dict[str, Positive] = Field(default_factory=lambda: {"cross_entropy": 1.0, "dice": 1.0}, min_length=1)
    deep_supervision: bool = False
    from_levels: Annotated[tuple[str, ...], Field(min_length=2)] = ("c0", "c1", "c2", "c3", "c4", "c5")
    widths: tuple[Pixels, ...] = (16, 16, 32, 64, 128)
    norm: Norm = "group"
    window: tuple[Pixels, Pixels] = (128, 128)
    overlap: Annotated[float, Field(ge=0, lt=1)] = 0.5

    @field_validator("loss")
    @classmethod
    def _known(cls, value: dict[str, float]) -> dict[str, float]:
        check_losses(value, kind="voxels")
        return value

    @field_validator("from_levels")
    @classmethod
    def _whole(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value[0] != "c0":
            raise ValueError("the first must be c0, the volume itself, whose size the prediction has")
        return value

    @field_validator("widths")
    @classmethod
    def _one_a_level(cls, value: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        count = len(info.data.get("from_levels", ())) - 1
        if len(value) != count > 0:
            raise ValueError(f"give {count} widths, one for each level but the last")
        return value


class UNet3d(Head):
    """A U-Net's decoder on the features of volumes, (B, C, D, H, W).

    An image's channels are the slices of a volume, and the map ``"semantic"`` has an axis of depth: (D, H, W) integer
    classes, 255 where a voxel has none. Images keep their size.

    Args:
        channels, strides: level → channels, stride.
        labels: the classes, the background among them.
        options: see `UNet3dOptions`.
    """

    Options: ClassVar[type[UNet3dOptions]] = UNet3dOptions
    needs = frozenset({"semantic"})
    labels_from = "semantic"
    options: UNet3dOptions

    def __init__(
        self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: UNet3dOptions
    ) -> None:
        super().__init__(channels, strides, labels, options)
        self.decoder = UNet3dDecoder(
            [channels[level] for level in options.from_levels], options.widths, norm=options.norm
        )
        self.predictor = nn.Conv3d(options.widths[0], len(labels), 1)
        coarser = options.widths[1:] if options.deep_supervision else ()
        self.coarser = nn.ModuleList(nn.Conv3d(width, len(labels), 1) for width in coarser)

    @classmethod
    def levels(cls, options: UNet3dOptions) -> tuple[str, ...]:
        """The levels that the decoder reads."""
        return options.from_levels

    @classmethod
    def required_preprocessing(cls, options: UNet3dOptions) -> Mapping[str, Any]:
        """Images keep their size: a volume has one spacing, which the data choose."""
        return {"resize": ResizeRule(shortest=None)}

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """The losses that the options name.

        Raises:
            DataError: the batch has no map ``"semantic"``.
            OptionError: it has another depth than the features.
        """
        if "semantic" not in batch.maps:
            raise DataError("the batch has no map 'semantic' to learn from", fix="train on data that provide it")
        logits = self._logits(features, coarser=True)
        target = batch.maps["semantic"]
        depth = features["c0"].shape[2]
        if target.ndim != 4 or target.shape[1] != depth:
            raise OptionError(
                f"the backbone takes the channels of an image for {depth} slices, but its labels have the shape "
                f"{tuple(target.shape[1:])}",
                fix="use a format of patches such as nifti-patches, and set in_chans to the backbone's depth times "
                "the channels of a slice",
            )
        shares = [2.0**-i for i in range(len(logits))]
        scales = {share / sum(shares): one for share, one in zip(shares, logits, strict=True)}
        return voxel_losses(self.options.loss, scales, target)

    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """``logits`` (B, classes, D, H, W) float32 of the padded images."""
        return {"logits": self._logits(features)[0].float()}

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[PatchScores]:
        """One `hub_medical.segmentation.patch_result.PatchScores` per image, at the size of its file."""
        found = []
        sizes, originals = batch.sizes.tolist(), batch.original_sizes.tolist()
        for i, logits in enumerate(predictions["logits"]):
            inside = logits[None, ..., : sizes[i][0], : sizes[i][1]].float()
            if sizes[i] != originals[i]:
                inside = F.interpolate(inside, size=(inside.shape[2], *originals[i]), mode="trilinear")
            found.append(
                PatchScores(
                    image_id=batch.image_id(i),
                    size=(originals[i][0], originals[i][1]),
                    probabilities=inside[0].softmax(0).half().cpu(),
                    label_space=self.labels,
                )
            )
        return found

    def volume_predictor(self, model: Model, settings: Settings) -> WindowPredictor:
        """Predicts whole volumes in windows; see `hub_medical.segmentation.predictor.PredictsVolumes`."""
        return WindowPredictor(model, self, settings, window=self.options.window, overlap=self.options.overlap)

    def metric(self, dataset: Dataset) -> Metric:
        """Dice of the patches as they are; datasets of volumes bring their own."""
        return PatchMetric(dataset, self.labels)

    def draw(self, image: np.ndarray, result: PatchScores, *, score: float = 0.5) -> np.ndarray:
        """A copy of the image, tinted by the classes of the slice in the middle."""
        from hub.visual import draw_semantic

        classes = result.classes.numpy()
        return draw_semantic(image, classes[len(classes) // 2], self.labels)

    def class_rows(self) -> dict[str, ClassRows]:
        """The rows of the last convolutions."""
        names = ["predictor", *(f"coarser.{i}" for i in range(len(self.coarser)))]
        return {f"{name}.{part}": ClassRows() for name in names for part in ("weight", "bias")}

    def _logits(self, features: Features, *, coarser: bool = False) -> list[Tensor]:
        """At the size of the volume, and with ``coarser`` at those of the levels that deep supervision learns from."""
        levels = [features[level] for level in self.options.from_levels]
        if levels[0].ndim != 5:
            raise ContractError(
                f"the backbone gives maps of {levels[0].ndim} axes, but unet3d reads volumes",
                fix="choose one of volumes, such as inflated",
            )
        with volume_precision(levels[0]):
            finest, *others = self.decoder(levels)
            logits = [self.predictor(finest)]
            if coarser and self.coarser:
                logits += [conv(x) for conv, x in zip(self.coarser, others, strict=True)]
        return logits

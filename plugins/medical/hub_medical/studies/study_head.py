"""The head ``study``: findings of a stack of slices, with the attention of each slice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from hub import Batch, ClassRows, Features, Head, LabelSpace, Metric, Options, ResizeRule
from hub.data import Dataset
from hub.errors import ContractError, DataError, OptionError, did_you_mean
from hub.losses import masked_bce_with_logits
from hub_medical.studies.attention import GatedAttention
from hub_medical.studies.study_result import StudyScores

if TYPE_CHECKING:
    import numpy as np

Weight = Annotated[float, Field(gt=0)]
BARS = 0.2  # of the height of a drawing, for the bars of attention


class StudyHeadOptions(Options):
    """Options of `StudyHead`.

    Attributes:
        from_level: the level that is read; of each slice the mean over height and width is taken.
        hidden: width of the attention.
        dropout: share of a study's vector that training leaves out.
        pos_weight: factor of the loss of studies that have a finding, for all or by class.
    """

    from_level: str = "c5"
    hidden: Annotated[int, Field(gt=0)] = 128
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    pos_weight: Weight | dict[str, Weight] = 1.0


class StudyHead(Head):
    """Gated attention over slices and a sigmoid for each class; learns from the tag ``"labels"``.

    Reads maps of volumes, (B, C, S, h, w), such as those of the backbone ``slicewise``. The tag holds 0, 1, or NaN
    where a finding is unknown.

    Args:
        channels, strides: level → channels, stride.
        labels: the findings.
        options: see `StudyHeadOptions`.

    Raises:
        OptionError: a weight for a class that is not there.
    """

    Options: ClassVar[type[StudyHeadOptions]] = StudyHeadOptions
    needs = frozenset({"labels"})
    labels_from = "labels"
    options: StudyHeadOptions

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        labels: LabelSpace,
        options: StudyHeadOptions,
    ) -> None:
        super().__init__(channels, strides, labels, options)
        width = channels[options.from_level]
        self.attention = GatedAttention(width, options.hidden)
        self.dropout = nn.Dropout(options.dropout)
        self.predictor = nn.Linear(width, len(labels))
        nn.init.normal_(self.predictor.weight, std=0.01)
        nn.init.zeros_(self.predictor.bias)
        self.pos_weight: Tensor
        self.register_buffer("pos_weight", _weights(options.pos_weight, labels), persistent=False)

    @classmethod
    def levels(cls, options: StudyHeadOptions) -> tuple[str, ...]:
        """The level that is read."""
        return (options.from_level,)

    @classmethod
    def required_preprocessing(cls, options: StudyHeadOptions) -> Mapping[str, Any]:
        """Images keep their size, which the data choose."""
        return {"resize": ResizeRule(shortest=None)}

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """``loss_study``: binary cross-entropy, the mean over what is known; 0 where nothing is.

        Raises:
            DataError: the batch has no findings, or not one for each class, or its images were mixed.
        """
        if "labels" not in batch.tags:
            raise DataError("the batch has no tag 'labels' to learn from", fix="use a format such as study-slices")
        if "labels:other" in batch.tags:
            raise DataError("study cannot learn from mixed images", fix="leave mixup and cutmix out of the transforms")
        logits, _ = self._logits(features, batch)
        target = batch.tags["labels"].float()
        if target.shape != logits.shape:
            raise DataError(
                f"the tag 'labels' has the shape {tuple(target.shape)}, but there are {len(self.labels)} classes",
                fix="let the dataset give one number for each class",
            )
        return {"loss_study": masked_bce_with_logits(logits, target, pos_weight=self.pos_weight)}

    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """``scores`` (B, classes) and ``attention`` (B, S), both float32."""
        logits, weights = self._logits(features, batch)
        return {"scores": logits.sigmoid(), "attention": weights}

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[StudyScores]:
        """One `hub_medical.studies.study_result.StudyScores` per study, on the CPU."""
        scores, attention = predictions["scores"].cpu(), predictions["attention"].cpu()
        return [
            StudyScores(
                image_id=batch.image_id(i),
                size=(size[0], size[1]),
                scores=scores[i],
                label_space=self.labels,
                attention=attention[i],
            )
            for i, size in enumerate(batch.original_sizes.tolist())
        ]

    def metric(self, dataset: Dataset) -> Metric:
        """Average precision, AUROC and F1; data with patients bring their own."""
        from hub.evaluation import MultilabelMetric

        return MultilabelMetric(dataset, self.labels, name=self.labels_from)

    def draw(self, image: np.ndarray, result: StudyScores, *, score: float = 0.5) -> np.ndarray:
        """A copy of the image with the best classes, and along its bottom a bar for the attention of every slice."""
        from hub.visual import draw_classes

        drawn = draw_classes(image, result.label_space.names, result.scores.numpy(), score=score)
        height, width = drawn.shape[:2]
        weights = result.attention.numpy() / float(result.attention.max())
        for i, weight in enumerate(weights):
            left, right = (
                i * width // len(weights),
                max((i + 1) * width // len(weights) - 1, i * width // len(weights) + 1),
            )
            top = height - max(1, round(BARS * height * float(weight)))
            drawn[top:, left:right] = (255, 210, 60) if weight == 1 else (150, 150, 150)
        return drawn

    def class_rows(self) -> dict[str, ClassRows]:
        """The rows of the linear layer."""
        return {"predictor.weight": ClassRows(), "predictor.bias": ClassRows()}

    def _logits(self, features: Features, batch: Batch) -> tuple[Tensor, Tensor]:
        """(B, classes) and the weights (B, S), float32."""
        maps = features[self.options.from_level]
        if maps.ndim != 5:
            raise ContractError(
                f"the backbone gives maps of {maps.ndim} axes, but study reads slices",
                fix="write study/slicewise with backbone: {of: resnet18, slices: 16}",
            )
        bags, weights = self.attention(_pooled(maps.float(), batch, self.strides[self.options.from_level]))
        return self.predictor(self.dropout(bags)).float(), weights


def _pooled(maps: Tensor, batch: Batch, stride: int) -> Tensor:
    """(B, C, S, h, w) to the means (B, S, C) over each image without its padding."""
    height, width = ((batch.sizes[:, axis].to(maps.device) / stride).ceil().clamp(min=1) for axis in (0, 1))
    rows = torch.arange(maps.shape[3], device=maps.device) < height[:, None]
    columns = torch.arange(maps.shape[4], device=maps.device) < width[:, None]
    inside = (rows[:, :, None] & columns[:, None, :]).to(maps.dtype)
    total = (maps * inside[:, None, None]).sum((3, 4))
    return (total / inside.sum((1, 2))[:, None, None]).transpose(1, 2)


def _weights(given: float | Mapping[str, float], labels: LabelSpace) -> Tensor:
    by_name = given if isinstance(given, Mapping) else dict.fromkeys(labels.names, given)
    for name in by_name:
        if name not in labels.names:
            raise OptionError(
                f"pos_weight names {name!r}, which is no class.{did_you_mean(name, labels.names)}",
                fix=f"the classes are {', '.join(labels.names[:10])}",
            )
    return torch.tensor([by_name.get(name, 1.0) for name in labels.names])

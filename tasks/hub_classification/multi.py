"""Any number of classes an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from hub import Batch, Features, LabelSpace, Metric
from hub.data import Dataset
from hub.errors import DataError, OptionError, did_you_mean
from hub_classification.head import ClassificationHead, ClassificationOptions
from hub_classification.targets import targets

Weight = Annotated[float, Field(gt=0)]


class MultiOptions(ClassificationOptions):
    """Options of `MultiLabel`: these, and those of `ClassificationOptions`.

    Attributes:
        pos_weight: factor of the loss of images that have a class: one for all classes, or class name → its own,
            for classes that few images have. 1 where nothing is said.
    """

    pos_weight: Weight | dict[str, Weight] = 1.0


class MultiLabel(ClassificationHead):
    """A sigmoid for each class; learns from the tag ``"labels"``: 0, 1, or NaN where nobody knows.

    Args:
        channels, strides, labels, options: see `ClassificationHead` and `MultiOptions`.

    Raises:
        OptionError: a weight for a class that is not there.
    """

    Options: ClassVar[type[MultiOptions]] = MultiOptions
    needs = frozenset({"labels"})
    labels_from = "labels"
    options: MultiOptions

    def __init__(
        self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: MultiOptions
    ) -> None:
        super().__init__(channels, strides, labels, options)
        given = options.pos_weight
        by_name = given if isinstance(given, dict) else dict.fromkeys(labels.names, given)
        for name in by_name:
            if name not in labels.names:
                raise OptionError(
                    f"pos_weight names {name!r}, which is no class.{did_you_mean(name, labels.names)}",
                    fix=f"the classes are {', '.join(labels.names[:10])}",
                )
        self.pos_weight: Tensor
        weights = torch.tensor([by_name.get(name, 1.0) for name in labels.names])
        self.register_buffer("pos_weight", weights, persistent=False)

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """``loss_labels``: binary cross-entropy, the mean over what is known; 0 where nothing is.

        Raises:
            DataError: the tag does not have a value for each class.
        """
        logits = self.logits(features)
        target = targets(batch, self.labels_from, Tensor.float)
        if target.shape != logits.shape:
            raise DataError(
                f"the tag {self.labels_from!r} has the shape {tuple(target.shape)}, but there are "
                f"{len(self.labels)} classes",
                fix="let the dataset give one number for each class",
            )
        known = target.isfinite()
        values = F.binary_cross_entropy_with_logits(
            logits, target.masked_fill(~known, 0.0), pos_weight=self.pos_weight, reduction="none"
        )
        return {"loss_labels": (values * known).sum() / known.sum().clamp(min=1)}

    def scores(self, logits: Tensor) -> Tensor:
        """Sigmoids."""
        return logits.sigmoid()

    def metric(self, dataset: Dataset) -> Metric:
        """Mean average precision, AUROC and F1; see `hub.evaluation.MultilabelMetric`."""
        from hub.evaluation import MultilabelMetric

        return MultilabelMetric(dataset, self.labels, name=self.labels_from)

"""Multi-label classification: any number of classes per image."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import PositiveFloat
from torch import Tensor

from hub import Batch, Features, LabelSpace, Metric
from hub.data import Dataset
from hub.errors import DataError, OptionError, did_you_mean
from hub.losses import masked_bce_with_logits
from hub_classification.head import ClassificationHead, ClassificationOptions
from hub_classification.targets import mixed_targets


class MultiOptions(ClassificationOptions):
    """Options of `MultiLabel`: these, and those of `ClassificationOptions`.

    Attributes:
        pos_weight: factor of the loss of positive images: one for all classes, or class name → its own, for rare
            classes; 1 for classes that are not named.
    """

    pos_weight: PositiveFloat | dict[str, PositiveFloat] = 1.0


class MultiLabel(ClassificationHead[MultiOptions]):
    """A sigmoid for each class; learns from the tag ``"labels"``: 0, 1, or NaN where unknown.

    Args:
        channels, strides, labels, options: see `ClassificationHead` and `MultiOptions`.

    Raises:
        OptionError: a weight for an unknown class.
    """

    needs = frozenset({"labels"})
    labels_from = "labels"
    pos_weight: Tensor

    def __init__(
        self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: MultiOptions
    ) -> None:
        super().__init__(channels, strides, labels, options)
        given = options.pos_weight
        by_name = given if isinstance(given, dict) else dict.fromkeys(labels.names, given)
        for name in by_name:
            if name not in labels.names:
                raise OptionError(
                    f"pos_weight has the unknown class {name!r}.{did_you_mean(name, labels.names)}",
                    fix=f"the classes are {', '.join(labels.names[:10])}",
                )
        weights = torch.tensor([by_name.get(name, 1.0) for name in labels.names])
        self.register_buffer("pos_weight", weights, persistent=False)

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss_labels``: binary cross-entropy, averaged over known labels; 0 if none is known.

        Raises:
            DataError: the tag does not have one value per class.
        """
        logits = self.logits(features)
        target = mixed_targets(batch, self.labels_from, Tensor.float)
        if target.shape != logits.shape:
            raise DataError(
                f"the tag {self.labels_from!r} has shape {tuple(target.shape)}, but there are {len(self.labels)} "
                "classes",
                fix="let the dataset provide one number for each class",
            )
        return {"loss_labels": masked_bce_with_logits(logits, target, pos_weight=self.pos_weight)}

    def scores(self, logits: Tensor) -> Tensor:
        """Return sigmoids."""
        return logits.sigmoid()

    def metric(self, dataset: Dataset) -> Metric:
        """Return mean average precision, AUROC and F1; see `hub.evaluation.MultilabelMetric`."""
        from hub.evaluation import MultilabelMetric

        return MultilabelMetric(dataset, self.labels, name=self.labels_from)

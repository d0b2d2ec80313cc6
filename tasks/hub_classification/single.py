"""One class an image."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from hub import Batch, Features, LabelSpace, Metric
from hub.contract.classifier import PretrainedClassifier
from hub.data import Dataset
from hub.errors import LabelMismatchError
from hub_classification.head import ClassificationHead, ClassificationOptions
from hub_classification.targets import class_targets, targets

log = logging.getLogger("hub")


class SingleOptions(ClassificationOptions):
    """Options of `Classification`: these, and those of `ClassificationOptions`.

    Attributes:
        label_smoothing: probability that is spread over all classes (Szegedy et al. 2015, section 7).
        loss: ``softmax`` cross-entropy, or ``binary`` cross-entropy of each class by itself (Wightman et al. 2021,
            ResNet strikes back, https://arxiv.org/abs/2110.00476); scores are softmax or sigmoid accordingly.
        target_threshold: with ``binary``, targets above it are 1 and all others 0: in a mixed image both classes
            are there. None keeps shares.
    """

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    loss: Literal["softmax", "binary"] = "softmax"
    target_threshold: Annotated[float, Field(ge=0, lt=1)] | None = None


class Classification(ClassificationHead):
    """Softmax over the classes; learns from the tag ``"class"``: an index, or a share of each class.

    An index beyond the classes (255) means that nobody knows: such an image teaches nothing.

    Args:
        channels, strides, labels, options: see `ClassificationHead` and `SingleOptions`.

    Raises:
        LabelMismatchError: fewer than two classes.
    """

    Options: ClassVar[type[SingleOptions]] = SingleOptions
    needs = frozenset({"class"})
    labels_from = "class"
    options: SingleOptions

    def __init__(
        self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: SingleOptions
    ) -> None:
        super().__init__(channels, strides, labels, options)
        if len(labels) < 2:
            raise LabelMismatchError(
                f"one class of one, {labels.names[0]!r}, leaves nothing to learn",
                fix="name at least two, or use the head multilabel",
            )

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """``loss_class``: cross-entropy, the mean over the images whose class is known; 0 where none is."""
        o = self.options
        logits = self.logits(features)
        wanted = targets(batch, self.labels_from, partial(class_targets, classes=len(self.labels)))
        known = wanted.isfinite().all(1)
        wanted = wanted.masked_fill(~known[:, None], 0.0)
        if o.loss == "softmax":
            values = F.cross_entropy(logits, wanted, label_smoothing=o.label_smoothing, reduction="none")
        else:
            if o.target_threshold is not None:
                wanted = (wanted > o.target_threshold).float()
            wanted = wanted * (1 - o.label_smoothing) + o.label_smoothing / len(self.labels)
            values = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(1)
        return {"loss_class": (values * known).sum() / known.sum().clamp(min=1)}

    def scores(self, logits: Tensor) -> Tensor:
        """Softmax or sigmoids, as the loss."""
        return logits.softmax(-1) if self.options.loss == "softmax" else logits.sigmoid()

    def metric(self, dataset: Dataset) -> Metric:
        """Top-1 and top-5, average precision, AUROC and calibration; see `hub.evaluation.ClassificationMetric`."""
        from hub.evaluation import ClassificationMetric

        return ClassificationMetric(dataset, self.labels, name=self.labels_from)

    @torch.no_grad()
    def load_pretrained_classifier(self, classifier: PretrainedClassifier) -> None:
        """Take over the pretrained classifier's rows for the labels that it knows by name."""
        if self.options.from_level != "pooled":
            return
        rows = classifier.rows(self.labels.names)
        for own, theirs in enumerate(rows):
            if theirs >= 0:
                self.predictor.weight[own] = classifier.weight[theirs]
                self.predictor.bias[own] = classifier.bias[theirs]
        new = [name for name, row in zip(self.labels.names, rows, strict=True) if row < 0]
        log.info(
            "classification: the pretrained classifier knows %d of %d labels%s",
            len(rows) - len(new), len(rows), f"; started anew: {_some(new)}" if new else "",
        )  # fmt: skip


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")

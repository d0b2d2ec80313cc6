"""Single-label classification: one class per image."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from hub import Batch, Features, LabelSpace, Metric
from hub.contract import FractionBelowOne, PretrainedClassifier
from hub.data import Dataset
from hub.errors import LabelMismatchError
from hub.losses import masked_mean
from hub_classification.head import ClassificationHead, ClassificationOptions
from hub_classification.targets import class_targets, mixed_targets

log = logging.getLogger("hub")


class SingleOptions(ClassificationOptions):
    """Options of `Classification`: these, and those of `ClassificationOptions`.

    Attributes:
        label_smoothing: probability that is spread over all classes (Szegedy et al. 2015, section 7).
        loss: ``softmax`` cross-entropy, or ``binary`` cross-entropy per class (Wightman et al. 2021, ResNet strikes
            back, https://arxiv.org/abs/2110.00476); scores are softmax or sigmoid accordingly.
        bce_target_thresh: with ``binary``, targets above it become 1 and all others 0, so that both classes of a mixed
            image are positive. None keeps the mixing ratio as target.
    """

    label_smoothing: FractionBelowOne = 0.0
    loss: Literal["softmax", "binary"] = "softmax"
    bce_target_thresh: FractionBelowOne | None = None


class Classification(ClassificationHead[SingleOptions]):
    """Softmax over the classes; learns from the tag ``"class"``: an index, or a probability per class.

    Images with an index that is not a class (255) are unknown and ignored.

    Args:
        channels, strides, labels, options: see `ClassificationHead` and `SingleOptions`.

    Raises:
        LabelMismatchError: fewer than two classes.
    """

    needs = frozenset({"class"})
    labels_from = "class"

    def __init__(
        self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: SingleOptions
    ) -> None:
        super().__init__(channels, strides, labels, options)
        if len(labels) < 2:
            raise LabelMismatchError(
                f"classification needs at least two classes, but there is only {labels.names[0]!r}",
                fix="add a class, or use the head multilabel",
            )

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss_class``: cross-entropy, averaged over images with known class; 0 if none is known."""
        o = self.options
        logits = self.logits(features)
        target = mixed_targets(batch, self.labels_from, partial(class_targets, classes=len(self.labels)))
        known = target.isfinite().all(1)
        target = target.masked_fill(~known[:, None], 0.0)
        if o.loss == "softmax":
            values = F.cross_entropy(logits, target, label_smoothing=o.label_smoothing, reduction="none")
        else:
            if o.bce_target_thresh is not None:
                target = (target > o.bce_target_thresh).float()
            target = target * (1 - o.label_smoothing) + o.label_smoothing / len(self.labels)
            values = F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(1)
        return {"loss_class": masked_mean(values, known)}

    def scores(self, logits: Tensor) -> Tensor:
        """Return softmax or sigmoids, depending on the loss."""
        return logits.softmax(-1) if self.options.loss == "softmax" else logits.sigmoid()

    def metric(self, dataset: Dataset) -> Metric:
        """Return accuracy, average precision, AUROC and calibration; see `hub.evaluation.ClassificationMetric`."""
        from hub.evaluation import ClassificationMetric

        return ClassificationMetric(dataset, self.labels, name=self.labels_from)

    @torch.no_grad()
    def load_pretrained_classifier(self, classifier: PretrainedClassifier) -> None:
        """Copy the rows of the pretrained classifier for labels of the same name."""
        if self.options.from_level != "pooled":
            return
        rows = classifier.rows(self.labels.names)
        for own, theirs in enumerate(rows):
            if theirs >= 0:
                self.predictor.weight[own] = classifier.weight[theirs]
                self.predictor.bias[own] = classifier.bias[theirs]
        new = [name for name, row in zip(self.labels.names, rows, strict=True) if row < 0]
        log.info(
            "classification: the pretrained classifier has %d of %d labels%s",
            len(rows) - len(new), len(rows), f"; randomly initialized: {_listed(new)}" if new else "",
        )  # fmt: skip


def _listed(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")

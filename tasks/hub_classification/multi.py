"""Any number of classes an image."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from hub import Batch, Features, Metric
from hub_classification.head import ClassificationHead


class MultiLabel(ClassificationHead):
    """A sigmoid for each class; learns from the tag ``"labels"``: 0, 1, or NaN where nobody knows."""

    needs = frozenset({"labels"})
    labels_from = "labels"

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """``loss_labels``: binary cross-entropy, the mean over what is known; 0 where nothing is."""
        target = self.target(batch).float()
        known = target.isfinite()
        logits = self.logits(features)
        values = F.binary_cross_entropy_with_logits(logits, target.nan_to_num(0.0), reduction="none")
        return {"loss_labels": (values * known).sum() / known.sum().clamp(min=1)}

    def scores(self, logits: Tensor) -> Tensor:
        """Sigmoids."""
        return logits.sigmoid()

    def metric(self, dataset: Any) -> Metric:
        """Mean average precision, AUROC and F1; see `hub.evaluation.LabelsMetric`."""
        from hub.evaluation import LabelsMetric

        return LabelsMetric(dataset, self.labels, name=self.labels_from)

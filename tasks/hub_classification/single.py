"""One class an image."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from hub import Batch, Features, Metric
from hub_classification.head import ClassificationHead, ClassificationOptions


class SingleOptions(ClassificationOptions):
    """Options of `Classification`: these, and those of `ClassificationOptions`.

    Attributes:
        label_smoothing: probability that is spread over all classes (Szegedy et al. 2015, section 7).
    """

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Classification(ClassificationHead):
    """Softmax over the classes; learns from the tag ``"class"``, an index."""

    Options: ClassVar[type[SingleOptions]] = SingleOptions
    needs = frozenset({"class"})
    labels_from = "class"
    options: SingleOptions

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """``loss_class``: cross-entropy."""
        target = self.target(batch).long()
        return {
            "loss_class": F.cross_entropy(self.logits(features), target, label_smoothing=self.options.label_smoothing)
        }

    def scores(self, logits: Tensor) -> Tensor:
        """Softmax."""
        return logits.softmax(-1)

    def metric(self, dataset: Any) -> Metric:
        """Top-1, top-5, and calibration; see `hub.evaluation.ClassMetric`."""
        from hub.evaluation import ClassMetric

        return ClassMetric(dataset, self.labels, name=self.labels_from)

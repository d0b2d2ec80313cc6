"""Several metrics of the same results, combined into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from hub.contract.metric import Evaluation, Metric
from hub.contract.results import Result


class JointMetric:
    """Combines several metrics of the same results, a `hub.Metric`; names get prefixes: ``box_AP``, ``mask_AP``.

    Args:
        metrics: prefix → metric.
        main: prefix of the metric whose main metric becomes the main one.
    """

    def __init__(self, metrics: Mapping[str, Metric], *, main: str) -> None:
        self.metrics = dict(metrics)
        self.main = main

    def update(self, results: Sequence[Result]) -> None:
        """Add the results of some images."""
        for metric in self.metrics.values():
            metric.update(results)

    def merge(self, others: Sequence[Self]) -> None:
        """Add what metrics of the same kind collected in other processes."""
        for name, metric in self.metrics.items():
            metric.merge([other.metrics[name] for other in others])

    def compute(self) -> Evaluation:
        """Return all metrics with their prefixes; per class only the main one of each."""
        found = {name: metric.compute() for name, metric in self.metrics.items()}
        per_class: dict[str, dict[str, float]] = {}
        for name, evaluation in found.items():
            for label, metrics in evaluation.per_class.items():
                if evaluation.main in metrics:
                    per_class.setdefault(label, {})[f"{name}_{evaluation.main}"] = metrics[evaluation.main]
        return Evaluation(
            metrics={f"{name}_{k}": v for name, one in found.items() for k, v in one.metrics.items()},
            main=f"{self.main}_{found[self.main].main}",
            per_class=per_class,
            units={f"{name}_{k}": unit for name, one in found.items() for k, unit in one.units.items()},
        )

"""The contract of a metric: results of images go in, an `Evaluation` comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from typing_extensions import TypeVar

from hub.contract.results import Result

R_contra = TypeVar("R_contra", bound=Result, default=Any, contravariant=True)


@dataclass
class Evaluation:
    """The values that a metric computes.

    Attributes:
        metrics: by name, in the order to print; NaN where undefined. Fractions from 0 to 1, except those with a unit.
        main: the metric that selects the best checkpoint, a fraction; larger is better.
        per_class: class name → metrics.
        files: further files to write beside the metrics, such as a report: name → text.
        units: metric → unit such as "mm", for metrics that are not fractions; "" for a plain number.
    """

    metrics: dict[str, float]
    main: str
    per_class: dict[str, dict[str, float]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)


class Metric(Protocol[R_contra]):
    """Scores results against a dataset. Each process updates its own metric; rank 0 merges them and computes.

    ``Metric[Detections]`` takes `hub.Detections`; ``Metric`` alone takes results of any kind.
    """

    def update(self, results: Sequence[R_contra]) -> None:
        """Add the results of some images."""

    def merge(self, others: Sequence[Self]) -> None:
        """Add what metrics of the same class collected in other processes."""

    def compute(self) -> Evaluation:
        """Return the metrics over all images added."""

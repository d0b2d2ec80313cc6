"""The contract of a head: what every task plugin implements, and all that the hub asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from torch import Tensor, nn

from hub.contract.batch import Batch
from hub.contract.classifier import PretrainedClassifier
from hub.contract.options import Options as BaseOptions
from hub.contract.results import Result
from hub.errors import OptionError
from hub.labels import LabelSpace

if TYPE_CHECKING:
    import numpy as np

    from hub.contract.window_layout import WindowLayout
    from hub.contract.windows import Weights, WindowMerger

Features = Mapping[str, Tensor]


@dataclass(frozen=True)
class ClassRows:
    """Where a parameter keeps its classes: class k owns ``width`` rows from row ``(offset + k) * width``.

    A box predictor with background first and four numbers a class is ``ClassRows(offset=1, width=4)``.
    """

    offset: int = 0
    width: int = 1


@dataclass
class Evaluation:
    """What a metric found.

    Attributes:
        metrics: by name, in the order to print; NaN where undefined. Fractions from 0 to 1, but for those with a unit.
        main: the metric that chooses the best checkpoint, a fraction; larger is better.
        per_class: class name → metrics.
        files: further files to write beside the metrics, such as a report: name → text.
        units: metric → unit such as "mm", of those that are no fractions; "" for a plain number.
    """

    metrics: dict[str, float]
    main: str
    per_class: dict[str, dict[str, float]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)


class Metric(Protocol):
    """Scores results against a dataset. Each process updates its own; the first one merges them and computes."""

    def update(self, results: Sequence[Result]) -> None:
        """Take in the results of some images."""

    def merge(self, others: Sequence[Any]) -> None:
        """Take in what metrics of the same kind gathered in other processes."""

    def compute(self) -> Evaluation:
        """The metrics over all images seen."""


class Head(nn.Module, ABC):
    """Base of every head.

    A subclass sets the class attributes, builds its layers in ``__init__`` and implements the abstract methods. All
    shapes follow from the batch and the options, and an image without targets gives the same losses as any other, so
    that the graph never changes from step to step.

    Attributes:
        Options: the head's options, a subclass of `hub.Options`.
        needs: what the head learns from: ``"boxes"``, ``"masks"``, ``"keypoints"``, and names of maps and tags.
        labels_from: which of a dataset's label spaces the head's labels are: ``"instances"`` or a map's or tag's name.
            None for a head without classes, whose labels are an empty `LabelSpace`.
    """

    Options: ClassVar[type[BaseOptions]] = BaseOptions
    needs: ClassVar[frozenset[str]] = frozenset()
    labels_from: ClassVar[str | None] = "instances"

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        labels: LabelSpace,
        options: BaseOptions,
    ) -> None:
        super().__init__()
        self.channels = dict(channels)
        self.strides = dict(strides)
        self.labels = labels
        self.options = options

    @classmethod
    @abstractmethod
    def levels(cls, options: Any) -> tuple[str, ...]:
        """The levels that the head reads, of raw ones (``c1``…``c5``) and the neck's (``p2``…).

        One level is no map: ``pooled``, the vector (B, C) that the backbone's own classifier reads.
        """

    @abstractmethod
    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """The losses of a batch, each a float32 scalar, always under the same names."""

    @abstractmethod
    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Answers of fixed shape, first dimension B, in pixels of the resized images: what export can carry."""

    @abstractmethod
    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Result]:
        """Turn the answers of `predict` into one `Result` an image, on the CPU, in pixels of the original files."""

    @abstractmethod
    def metric(self, dataset: Any) -> Metric:
        """A metric that scores this head's results against a `hub.data.Dataset`."""

    @abstractmethod
    def draw(self, image: np.ndarray, result: Any, *, score: float = 0.5) -> np.ndarray:
        """A copy of the image, (H, W, 3) uint8 RGB, with the result drawn on it."""

    def window_merger(self, whole: Batch, layout: WindowLayout, *, weights: Weights) -> WindowMerger:
        """What makes one answer of those to windows of a large image; by default such an image is refused.

        Args:
            whole: a batch of the one image at the size that windows are cut from, without padding or targets.
            layout: of the windows.
            weights: of their places, for dense answers; see `hub.inference.windows.importance`.

        Raises:
            OptionError: the head cannot answer in windows.
        """
        raise OptionError(
            f"{type(self).__name__} cannot answer in windows: it does not say how their answers become one",
            fix="leave the windows out, so that the image is resized to fit the model",
        )

    def join(
        self, results: list[Result], others: Mapping[str, list[Result]], heads: Mapping[str, Head]
    ) -> list[Result]:
        """Complete this head's results with those of the heads before it in the model's name; by default do nothing.

        Args:
            results: what `results` gave.
            others: head → its results of the same images.
            heads: the heads that they come from.
        """
        return results

    def check_heads(self, others: Mapping[str, Head]) -> None:
        """Refuse the heads before this one in the model's name where it cannot work with them; called once, when built.

        Raises:
            OptionError: names what is missing.
        """
        return

    @classmethod
    def required_preprocessing(cls, options: Any) -> Mapping[str, Any]:
        """The fields of `hub.Preprocessing` that this head needs to have a certain value, such as ``resize``.

        A model whose heads, weights or user want different ones is refused when it is built.
        """
        return {}

    def check_dataset(self, dataset: Any) -> None:
        """Refuse a `hub.data.Dataset` that this head cannot learn from or be scored on; called before the first step.

        Raises:
            DataError: names what does not fit, and the option or the data to change.
        """
        return

    def load_pretrained_classifier(self, classifier: PretrainedClassifier) -> None:
        """Start from the classifier of the backbone's pretrained weights, if this head can; called once, when built.

        There is one only where some head reads the level ``pooled``.
        """
        return

    def class_rows(self) -> dict[str, ClassRows]:
        """The parameters that have rows for each class, so that weights move to other labels by name."""
        return {}

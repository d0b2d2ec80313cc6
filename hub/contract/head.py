"""The contract of a head: what every task plugin implements, and all that the hub asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, get_args, get_origin

from torch import Tensor, nn
from typing_extensions import TypeVar

from hub.contract.batch import Batch
from hub.contract.class_rows import ClassRows
from hub.contract.classifier import PretrainedClassifier
from hub.contract.dataset import Dataset
from hub.contract.metric import Metric
from hub.contract.options import Options as BaseOptions
from hub.contract.results import Result
from hub.errors import OptionError
from hub.labels import LabelSpace

if TYPE_CHECKING:
    import numpy as np

    from hub.contract.window_layout import WindowLayout
    from hub.contract.windows import Weights, WindowMerger

Features = Mapping[str, Tensor]
"""Level → feature map (B, C, H, W), or for the level ``pooled`` the vector (B, C)."""

# ``Head`` without parameters is any head: its options and its results are of any kind.
O = TypeVar("O", bound=BaseOptions, default=Any)  # noqa: E741
R = TypeVar("R", bound=Result, default=Any)


class Head(nn.Module, ABC, Generic[O, R]):
    """Base of every head, generic over its options and its results.

    A subclass names both, sets the class attributes, builds its layers in ``__init__`` and implements the abstract
    methods. All shapes follow from the batch and the options, and an image without targets gives the same losses as
    any other, so that the graph never changes from step to step::

        class MyHead(hub.Head[MyOptions, hub.Detections]):
            needs = frozenset({"boxes"})

    A subclass that adds options to another head's makes that head generic in turn:
    ``class Base(hub.Head[O, hub.Detections])``, ``class Derived(Base[DerivedOptions])``.

    Attributes:
        Options: the class of the head's options, a subclass of `hub.Options`; that of the parameter unless set.
        needs: what the head learns from: ``"boxes"``, ``"masks"``, ``"keypoints"``, and names of maps and tags.
        labels_from: which of a dataset's label spaces are the head's labels: ``"instances"`` or the name of a map or a
            tag. None for a head without classes, whose labels are an empty `LabelSpace`.
        open_set: whether the data that it is scored on may have other labels than it has learned, such as persons that
            are identified again by their embedding. Such a head's metric compares the images of a dataset with each
            other and never refers to the head's labels. False refuses unknown labels before anything is computed,
            since they would count as objects that are never found.
        channels: level → channels of the features that it reads.
        strides: level → stride in pixels.
        labels: its classes.
        options: its options, validated.
    """

    Options: ClassVar[type[BaseOptions]] = BaseOptions
    needs: ClassVar[frozenset[str]] = frozenset()
    labels_from: ClassVar[str | None] = "instances"
    open_set: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "Options" in cls.__dict__:
            return
        for base in cls.__dict__.get("__orig_bases__", ()):
            origin = get_origin(base)
            if isinstance(origin, type) and issubclass(origin, Head):
                for given in get_args(base):
                    if isinstance(given, type) and issubclass(given, BaseOptions):
                        cls.Options = given

    def __init__(self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: O) -> None:
        super().__init__()
        self.channels = dict(channels)
        self.strides = dict(strides)
        self.labels = labels
        self.options = options

    @classmethod
    @abstractmethod
    def levels(cls, options: O) -> tuple[str, ...]:
        """Return the levels that the head reads: raw ones (``c1``…``c5``) and the neck's (``p2``…).

        One level is not a map: ``pooled``, the vector (B, C) that the backbone's own classifier reads.
        """

    @abstractmethod
    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of a batch, each a float32 scalar, always under the same names."""

    @abstractmethod
    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return raw predictions of fixed shape, first dimension B, in pixels of the resized images.

        They are tensors only, so that an exported model can return them.
        """

    @abstractmethod
    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[R]:
        """Turn what `predict` returned into one `Result` per image, on the CPU, in pixels of the original files."""

    @abstractmethod
    def metric(self, dataset: Dataset) -> Metric[R]:
        """Return a new metric that scores this head's results against a dataset."""

    @abstractmethod
    def draw(self, image: np.ndarray, result: R, *, score: float = 0.5) -> np.ndarray:
        """Return a copy of the image, (H, W, 3) uint8 RGB, with the result drawn on it.

        Args:
            image: (H, W, 3) uint8 RGB, at the size of the file.
            result: one that `results` or `join` returned.
            score: detections below this score are left out.
        """

    def window_merger(self, whole: Batch, layout: WindowLayout, *, weights: Weights) -> WindowMerger:
        """Return what merges the predictions for the windows of one large image; by default such images are refused.

        Args:
            whole: a batch of the one image at the size that windows are cut from, without padding or targets.
            layout: of the windows.
            weights: how much each position in a window counts, for dense predictions; see
                `hub.inference.windows.importance`.

        Raises:
            OptionError: the head cannot predict in windows.
        """
        raise OptionError(
            f"{type(self).__name__} cannot predict in windows: it has no window_merger",
            fix="leave the windows out, so that the image is resized to fit the model",
        )

    def join(self, results: list[R], others: Mapping[str, list[Result]], heads: Mapping[str, Head]) -> list[R]:
        """Complete this head's results with those of the heads before it in the model's name; by default do nothing.

        Args:
            results: what `results` returned.
            others: head → its results for the same images.
            heads: name → head, for the keys of ``others``.
        """
        return results

    def check_heads(self, others: Mapping[str, Head]) -> None:
        """Refuse the heads before this one in the model's name if it cannot work with them; called when built.

        Raises:
            OptionError: names what is missing.
        """
        return

    @classmethod
    def required_preprocessing(cls, options: O) -> Mapping[str, object]:
        """Return the fields of `hub.Preprocessing` that this head needs at a certain value, such as ``resize``.

        A model whose heads, weights or user want different values is refused when it is built.
        """
        return {}

    def check_dataset(self, dataset: Dataset) -> None:
        """Refuse a dataset that this head cannot learn from or be scored on; called before the first step.

        Raises:
            DataError: names what does not fit, and the option or the data to change.
        """
        return

    def load_pretrained_classifier(self, classifier: PretrainedClassifier) -> None:
        """Start from the classifier of the backbone's pretrained weights, if this head can; called when built.

        A classifier is loaded only where some head reads the level ``pooled``.
        """
        return

    def class_rows(self) -> dict[str, ClassRows]:
        """Return the parameters that have rows per class, so that weights move to other labels by name."""
        return {}

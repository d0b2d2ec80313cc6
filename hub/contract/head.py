"""The contract of a head: the interface that every task plugin implements."""

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

# ``Head`` without parameters means any head, with options and results of any type.
O = TypeVar("O", bound=BaseOptions, default=Any)  # noqa: E741
R = TypeVar("R", bound=Result, default=Any)


class Head(nn.Module, ABC, Generic[O, R]):
    """Base of every head, generic over its options and its results.

    A subclass names both, sets the class attributes, builds its layers in ``__init__`` and implements the abstract
    methods. All shapes follow from the batch and the options, and an image without targets gives losses under the
    same names as any other, so that the graph is the same in every step::

        class MyHead(hub.Head[MyOptions, hub.Detections]):
            needs = frozenset({"boxes"})

    To extend the options of a base head in a subclass, make the base head generic too:
    ``class Base(hub.Head[O, hub.Detections])``, ``class Derived(Base[DerivedOptions])``.

    Attributes:
        Options: the class of the head's options, a subclass of `hub.Options`; that of the parameter unless set.
        needs: what the head learns from: ``"boxes"``, ``"masks"``, ``"keypoints"``, and names of maps and tags.
        labels_from: which of a dataset's label spaces are the head's labels: ``"instances"`` or the name of a map or a
            tag. None for a head without classes, whose labels are an empty `LabelSpace`.
        open_set: whether validation data may have labels that the training data lack, such as persons in
            re-identification. Such a head's metric compares the images of a dataset with each other and never refers
            to the head's labels. If False, unknown labels are refused before anything is computed, because they
            would count as objects that are never found.
        channels: level → channels of the features that the head reads.
        strides: level → stride in pixels.
        labels: the classes.
        options: the validated options.
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
        """Return the levels that the head reads: those of the backbone (``c1``…``c5``) and of the neck (``p2``…).

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
        """Convert the output of `predict` to one `Result` per image, on the CPU, in pixels of the original files."""

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
        """Return the merger of the predictions for the windows of one large image; by default such images are refused.

        Args:
            whole: a batch of the one image at the size that windows are cut from, without padding or targets.
            layout: layout of the windows.
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
        """Refuse the heads before this one in the model's name if it cannot work with them; called once at creation.

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
        """Initialize from the classifier of the backbone's pretrained weights, if possible; called once at creation.

        A classifier is only loaded if some head reads the level ``pooled``.
        """
        return

    def class_rows(self) -> dict[str, ClassRows]:
        """Return the parameters with rows per class, so that weights can be transferred to other labels by name."""
        return {}

"""Readers of `hub predict`: read files as images of a model, and write its results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hub.contract import Options as BaseOptions
from hub.contract import Windows, parse_options
from hub.engine.predict import predict_files
from hub.errors import ContractError
from hub.images import find_images
from hub.model import Model
from hub.registry import find


@dataclass(frozen=True)
class Request:
    """The arguments of a prediction.

    Attributes:
        source: a file or folder.
        out: folder to write to.
        score: minimum score to draw.
        ids_from: COCO JSON whose image ids to use, for readers of image files.
        batch_size: images computed together.
        precision: see `hub.precision.autocast`.
        windows: predict in these windows at the original resolution; for readers of large images.
        options: of the model's reader, see `Reader.RequestOptions`; None for their defaults.
    """

    source: Path
    out: Path
    score: float = 0.5
    ids_from: Path | None = None
    batch_size: int = 8
    precision: str = "auto"
    windows: Windows | None = None
    options: BaseOptions | None = None


@dataclass(frozen=True)
class Outcome:
    """The outcome of a prediction.

    Attributes:
        done: images or cases written.
        failed: those that could not be read; each was logged.
        what: what they are called, in the plural.
    """

    done: int
    failed: int
    what: str = "images"


class Reader(ABC):
    """Base of the readers; one is registered as a `hub.ReaderSpec` and named by a `hub.data.Dataset`.

    Args:
        options: those that the checkpoint keeps: everything that must be the same as in training.

    Attributes:
        Options: of the checkpoint.
        RequestOptions: of each prediction; ``hub predict`` takes them as ``--name value``, or ``--name`` for true.
    """

    Options: ClassVar[type[BaseOptions]] = BaseOptions
    RequestOptions: ClassVar[type[BaseOptions]] = BaseOptions

    def __init__(self, options: Any) -> None:
        self.options = options

    @abstractmethod
    def predict(self, model: Model, request: Request) -> Outcome:
        """Read the source, predict, and write drawings and results.

        Raises:
            DataError: nothing can be read; a file among several is logged and counted instead.
            SaveError: ``request.out`` cannot be written.
        """


class ImageReader(Reader):
    """The default reader: image files."""

    def predict(self, model: Model, request: Request) -> Outcome:
        """Predict image files; see `hub.engine.predict.predict_files`."""
        files = find_images(request.source)
        failed = predict_files(
            model,
            files,
            out=request.out,
            score=request.score,
            ids_from=request.ids_from,
            batch_size=request.batch_size,
            precision=request.precision,
            windows=request.windows,
        )
        return Outcome(len(files) - failed, failed)


def reader_of(model: Model) -> Reader:
    """Return the reader of a model.

    Raises:
        UnknownNameError, BrokenPluginError, OptionError: its plugin is missing, broken or of another version.
    """
    if model.recipe.reader is None:
        return ImageReader(BaseOptions())
    options = dict(model.recipe.reader)
    name = str(options.pop("name"))
    cls = find("readers", name).target()
    if not (isinstance(cls, type) and issubclass(cls, Reader)):
        raise ContractError(f"the target of reader {name!r} is {cls!r}", fix="point it at a hub.engine.reader.Reader")
    return cls(parse_options(cls.Options, options, owner=f"reader {name}"))

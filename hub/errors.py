"""One error class for each kind of failure. A message names what failed, the file if there is one, and a fix.

Every class derives from `HubError`. The command line prints these errors as one message, without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "AmbiguousNameError",
    "AnnotationError",
    "BadBoxesError",
    "BadNameError",
    "BrokenPluginError",
    "CheckpointError",
    "CheckpointMismatchError",
    "ConfigError",
    "ContractError",
    "DataError",
    "DownloadError",
    "HubError",
    "ImageError",
    "LabelMismatchError",
    "MissingRequirementError",
    "NonFiniteLossError",
    "OptionError",
    "PixelFormatError",
    "SaveError",
    "StoppedError",
    "UnknownCategoryError",
    "UnknownNameError",
    "did_you_mean",
]


class HubError(Exception):
    """Base of every error that a user can cause and fix.

    >>> raise HubError("the data root does not exist", fix="set data.root=…")
    Traceback (most recent call last):
    hub.errors.HubError: the data root does not exist
      fix: set data.root=…
    """

    exit_code = 2

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message if fix is None else f"{message}\n  fix: {fix}")
        self.fix = fix


# Names and plugins -----------------------------------------------------------------------------------------------


class BadNameError(HubError):
    """A model name that does not follow ``[task[+task…]/]backbone[.tag][-neck]``."""


class UnknownNameError(HubError):
    """Nothing is registered under this name; the message suggests the nearest names."""


class AmbiguousNameError(HubError):
    """Two distributions register the same bare name; the message gives both canonical ids."""


class BrokenPluginError(HubError):
    """A plugin is installed but cannot be imported; ``__cause__`` is the error that its import raised."""


class MissingRequirementError(HubError):
    """An optional dependency of a plugin is not installed; the message has the pip command."""


class OptionError(HubError):
    """An unknown option, or a value that the option does not accept."""


class ContractError(HubError):
    """A plugin violates the contract that `hub.spec` and `hub.Head` describe."""


# Configuration ---------------------------------------------------------------------------------------------------


class ConfigError(HubError):
    """A config has an unknown key or an invalid value; the message names the file and the nearest known key."""


# Data ------------------------------------------------------------------------------------------------------------


class DataError(HubError):
    """Base of the errors in a dataset's files."""


class ImageError(DataError):
    """An image file is missing or corrupt, or the model does not support its kind."""


class PixelFormatError(ImageError):
    """Images of another dtype, value range or number of channels than the model takes."""


class AnnotationError(DataError):
    """An annotation file is missing, or is not in the declared format."""


class UnknownCategoryError(AnnotationError):
    """An annotation refers to a category that its file does not define."""


class BadBoxesError(AnnotationError):
    """More boxes have no area or lie outside their image than the config allows."""


class LabelMismatchError(DataError):
    """The labels of the data and of the model do not match."""


# Weights and training --------------------------------------------------------------------------------------------


class CheckpointError(HubError):
    """A checkpoint cannot be read: it is missing, truncated, or was not written by backbone-hub."""


class CheckpointMismatchError(CheckpointError):
    """A checkpoint is intact, but belongs to a different model."""


class DownloadError(HubError):
    """Pretrained weights could not be downloaded; the message says how to use a local file instead."""


class SaveError(HubError):
    """A file could not be written (disk full, no permission); no partial file is left behind."""


class NonFiniteLossError(HubError):
    """The loss became NaN or infinite; the message names the step and the images of the batch."""

    exit_code = 3


class StoppedError(HubError):
    """Training was stopped by Ctrl-C or SIGTERM, after a checkpoint was written."""

    exit_code = 130


def did_you_mean(word: str, known: Iterable[str], *, n: int = 3) -> str:
    """Return a sentence that suggests the nearest known words, or an empty string if none is near.

    >>> did_you_mean("resnet5", ["resnet18", "resnet50", "vgg16"], n=1)
    ' Did you mean resnet50?'
    >>> did_you_mean("zebra", ["resnet18"])
    ''
    """
    close = difflib.get_close_matches(word, list(known), n=n, cutoff=0.6)
    return f" Did you mean {' or '.join(close)}?" if close else ""

"""One class for each way to fail. Each message names the thing, the file where there is one, and the fix.

Everything derives from `HubError`, which the command line prints as one readable message without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HubError(Exception):
    """Base of every error that a user can cause and a user can mend.

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
    """A name that nothing is registered under; the message suggests the nearest ones."""


class AmbiguousNameError(HubError):
    """A bare name that two distributions claim; the message gives both canonical ids."""


class BrokenPluginError(HubError):
    """A plugin that is installed but cannot be used; ``__cause__`` is what its import raised."""


class MissingRequirementError(HubError):
    """A plugin's optional dependency is not installed; the message has the pip line."""


class OptionError(HubError):
    """An option that the thing does not have, or a value that it does not take."""


class ContractError(HubError):
    """A plugin does not keep the contract that `hub.spec` and `hub.Head` describe."""


# Configuration ---------------------------------------------------------------------------------------------------


class ConfigError(HubError):
    """A config file with an unknown key or a wrong value; the message names the file and the nearest key."""


# Data ------------------------------------------------------------------------------------------------------------


class DataError(HubError):
    """Base of everything that can be wrong with a dataset on disk."""


class ImageError(DataError):
    """An image file that is missing, corrupt, or of a kind that the model does not take."""


class PixelFormatError(ImageError):
    """Images of another dtype, value range or number of channels than the model takes."""


class AnnotationError(DataError):
    """An annotation file that is missing or not in the format that it was announced as."""


class UnknownCategoryError(AnnotationError):
    """An annotation refers to a category that its file does not define."""


class BadBoxesError(AnnotationError):
    """More boxes of zero area or outside their image than the config allows."""


class LabelMismatchError(DataError):
    """The data have labels that the model does not know, or the other way round."""


# Weights and training --------------------------------------------------------------------------------------------


class CheckpointError(HubError):
    """A checkpoint that cannot be read: missing, truncated, or not one of ours."""


class CheckpointMismatchError(CheckpointError):
    """A sound checkpoint, but of another model than the one it is loaded into."""


class DownloadError(HubError):
    """Pretrained weights could not be fetched; the message says where to put a local file instead."""


class SaveError(HubError):
    """A file could not be written (disk full, no permission); nothing half-written is left behind."""


class NonFiniteLossError(HubError):
    """The loss became NaN or infinite; the message names the step and the images of the batch."""

    exit_code = 3


class StoppedError(HubError):
    """Training was stopped by Ctrl-C or SIGTERM, after a checkpoint was written."""

    exit_code = 130


def did_you_mean(word: str, known: Iterable[str], *, n: int = 3) -> str:
    """A sentence that suggests the nearest known words, or an empty string.

    >>> did_you_mean("resnet5", ["resnet18", "resnet50", "vgg16"], n=1)
    ' Did you mean resnet50?'
    >>> did_you_mean("zebra", ["resnet18"])
    ''
    """
    close = difflib.get_close_matches(word, list(known), n=n, cutoff=0.6)
    return f" Did you mean {' or '.join(close)}?" if close else ""

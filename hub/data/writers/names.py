"""File names and class names that a format supports."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from hub.contract.dataset import Dataset
from hub.errors import DataError
from hub.images import SUFFIXES
from hub.labels import LabelSpace

_DEPTH = 4  # maximum number of path components in a name
_UNSAFE = re.compile(r'[\x00-\x1f\\/:*?"<>|]+')  # invalid on Windows or elsewhere

Namer = Callable[[str, int, Path], str]


def file_names(splits: Mapping[str, Dataset], *, across: bool) -> dict[str, list[str]]:
    """Return a unique name without suffix for every image: its stem, with parent folders if needed.

    Args:
        splits: name of the split → its dataset.
        across: whether names must be unique across splits too.

    Returns:
        Split → one name per image; the names are unique also if case is ignored.
    """
    paths = {split: [dataset.path(i) for i in range(len(dataset))] for split, dataset in splits.items()}
    names: dict[str, list[str]] = {}
    for namer in _namers(splits):
        names = {s: [_safe(namer(s, i, path)) for i, path in enumerate(of)] for s, of in paths.items()}
        groups = [[n for of in names.values() for n in of]] if across else list(names.values())
        if all(len({n.lower() for n in group}) == len(group) for group in groups):
            break
    return names


def _namers(splits: Mapping[str, Dataset]) -> Iterator[Namer]:
    for depth in range(1, _DEPTH + 1):
        yield partial(_with_folders, depth)
    yield lambda split, index, path: f"{split}_{_stem(path)}"
    yield lambda split, index, path: _stem(Path(str(splits[split].ids[index])))
    yield lambda split, index, path: f"{split}_{index:06d}"


def _with_folders(depth: int, split: str, index: int, path: Path) -> str:
    return "_".join((*path.parts[-depth:-1], _stem(path)))


def _stem(path: Path) -> str:
    return path.stem if path.suffix.lower() in SUFFIXES else path.name


def _safe(name: str) -> str:
    return _UNSAFE.sub("_", name).strip() or "_"


def shared_labels(splits: Mapping[str, Dataset], kind: str) -> tuple[LabelSpace, dict[str, np.ndarray]]:
    """Return one label space for all splits, merged by name.

    Args:
        splits: name of the split → its dataset.
        kind: ``"instances"``, or the name of a map or tag.

    Returns:
        The labels in the order of their first occurrence, and for each split an int64 array that maps its label
        indices to them.
    """
    names = tuple(dict.fromkeys(n for dataset in splits.values() for n in dataset.label_spaces[kind].names))
    labels = LabelSpace(names, tuple(range(len(names))))
    return labels, {s: np.array(d.label_spaces[kind].map_to(labels), np.int64) for s, d in splits.items()}


def check_class_names(names: tuple[str, ...], good: Callable[[str], bool], *, format: str, rule: str) -> None:
    """Reject class names that a format does not support.

    Args:
        names: names of the classes.
        good: returns whether a name is supported.
        format: name of the format, for the message.
        rule: what a name must be, for the message.

    Raises:
        DataError: a name is not supported.
    """
    if bad := [name for name in names if not good(name)]:
        raise DataError(
            f"{format} does not support the class name {bad[0]!r}: {rule}",
            fix="rename the class, or choose another format",
        )


def is_one_line(name: str) -> bool:
    """Return whether a name is one line of text without leading or trailing spaces.

    >>> is_one_line("traffic light"), is_one_line(" cat"), is_one_line("a\\nb")
    (True, False, False)
    """
    return bool(name) and name == name.strip() and len(name.splitlines()) == 1

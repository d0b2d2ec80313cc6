"""Names of files and of classes that a format can hold."""

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

_DEPTH = 4  # folders of a path that may go into a name
_UNSAFE = re.compile(r'[\x00-\x1f\\/:*?"<>|]+')  # what Windows, too, does not take

Namer = Callable[[str, int, Path], str]


def file_names(splits: Mapping[str, Dataset], *, across: bool) -> dict[str, list[str]]:
    """A name without suffix for every image: its own, or with as many of its folders as make it the only one.

    Args:
        splits: name of the split → its dataset.
        across: no name may occur in two splits either.

    Returns:
        Split → one name an image. They differ in more than their case.
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
    """One label space for all splits, by name.

    Args:
        splits: name of the split → its dataset.
        kind: ``"instances"``, or the name of a map or tag.

    Returns:
        The labels, in the order of their first occurrence, and split → (its labels,) int64, the index of each of its
        labels in them.
    """
    names = tuple(dict.fromkeys(n for dataset in splits.values() for n in dataset.label_spaces[kind].names))
    labels = LabelSpace(names, tuple(range(len(names))))
    return labels, {s: np.array(d.label_spaces[kind].map_to(labels), np.int64) for s, d in splits.items()}


def check_class_names(names: tuple[str, ...], good: Callable[[str], bool], *, format: str, rule: str) -> None:
    """Refuse class names that a format cannot hold.

    Args:
        names: of the classes.
        good: whether a name can be held.
        format: for the message.
        rule: what a name must be, for the message.

    Raises:
        DataError: names the first of them.
    """
    if bad := [name for name in names if not good(name)]:
        raise DataError(f"{format} cannot hold the class name {bad[0]!r}: {rule}", fix="rename it, or choose a format")


def is_one_line(name: str) -> bool:
    """Whether a name is a line of text that stays itself when its ends are stripped.

    >>> is_one_line("traffic light"), is_one_line(" cat"), is_one_line("a\\nb")
    (True, False, False)
    """
    return bool(name) and name == name.strip() and len(name.splitlines()) == 1

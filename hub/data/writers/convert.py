"""From one data format to another: all of it or nothing, and with an account of what was kept and lost."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hub.contract.dataset import Dataset
from hub.contract.options import parse_options
from hub.contract.targets import object_targets
from hub.data.writers.output import Output, Progress, Writer
from hub.errors import ContractError, DataError, HubError, SaveError
from hub.files import save_error
from hub.quiet import quiet
from hub.registry import entries, find
from hub.spec import DatasetSpec


@dataclass(frozen=True)
class Conversion:
    """What became of the data.

    Attributes:
        sections: name of the split → ``format`` and its options besides ``root``, as a config's ``data`` takes them.
        kept: what was written → how many.
        changed: what is there, but not as it was → how many.
        lost: what was left out, and why → how many.
    """

    sections: dict[str, dict[str, Any]]
    kept: dict[str, int]
    changed: dict[str, int]
    lost: dict[str, int]


def convert(
    splits: Mapping[str, Dataset],
    format: str,
    out: Path,
    *,
    link: bool = True,
    only: frozenset[str] | None = None,
    progress: Progress | None = None,
) -> Conversion:
    """Write datasets in another format.

    Everything is written beside ``out``, opened once as the format that it is meant to be, and only then renamed.

    Args:
        splits: name of the split → its dataset.
        format: a registered format that has a writer.
        out: folder to make; it may exist if it is empty.
        link: hard-link the images where the file system can, instead of copying them.
        only: annotations to take, of what the datasets provide; None takes all.
        progress: called with (images done, images in all).

    Raises:
        UnknownNameError: there is no such format.
        DataError: ``out`` holds something, or the format has no writer or cannot hold these data.
        ContractError: what the writer wrote is not what it says it wrote.
        SaveError: it cannot be written; nothing is left behind.
    """
    out = out.expanduser().absolute()
    write, opened = _writer(format), find("datasets", format).target()
    _check(splits, only)
    _refuse_full(out)
    partial = out.with_name(f".{out.name}-{secrets.token_hex(4)}.partial")
    total = sum(map(len, splits.values()))
    output = Output(partial, format=format, link=link, only=only, total=total, progress=progress)
    try:
        partial.mkdir(parents=True)
        sections = {split: dict(section) for split, section in write(splits, output).items()}
        _account(splits, output)
        with quiet("hub"):  # what is wrong with the data was said when their source was opened
            _reopen(opened, partial, sections, output)
        partial.rename(out)
    except OSError as error:
        raise SaveError(
            str(save_error(out, error)).partition("\n")[0], fix="free some space, or choose another folder"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Conversion(
        {split: {"format": format, **section} for split, section in sections.items()},
        *({what: n for what, n in counts.items() if n} for counts in (output.kept, output.changed, output.lost)),
    )


def writable() -> list[str]:
    """The names of the formats that can be written; a plugin that is broken is left out."""
    names = []
    for entry in entries("datasets"):
        try:
            spec = entry.spec()
        except HubError:
            continue
        if isinstance(spec, DatasetSpec) and spec.writer is not None:
            names.append(entry.name)
    return names


def _writer(format: str) -> Writer:
    entry = find("datasets", format)
    spec = entry.spec()
    assert isinstance(spec, DatasetSpec)
    if spec.writer is None:
        raise DataError(f"the hub reads {format}, but cannot write it", fix=f"it writes {', '.join(writable())}")
    writer: Writer = entry.load(spec.writer)
    return writer


def _check(splits: Mapping[str, Dataset], only: frozenset[str] | None) -> None:
    for split, dataset in splits.items():
        if not re.fullmatch(r"\w[\w.-]*", split):
            raise DataError(f"a split cannot be called {split!r}", fix="use letters, digits, '_', '.' and '-'")
        if unknown := (only or frozenset()) - dataset.provides:
            raise DataError(
                f"{dataset.name} has no {', '.join(sorted(unknown))}",
                fix=f"it provides {', '.join(sorted(dataset.provides))}",
            )


def _refuse_full(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} exists and is not an empty folder", fix="choose another, or remove it")


def _account(splits: Mapping[str, Dataset], output: Output) -> None:
    """Say of every kind of annotation that the writer did not write that it is lost."""
    kinds = dict.fromkeys(kind for dataset in splits.values() for kind in sorted(output.provides(dataset)))
    for kind in kinds:
        if output.kept[kind] or any(what.startswith(kind) for what in output.lost):
            continue
        for dataset in splits.values():
            if kind in output.provides(dataset):
                output.lost[f"{kind}: {output.format} has no place for them"] += _amount(dataset, kind)


def _amount(dataset: Dataset, kind: str) -> int:
    """How many a dataset has of a kind: objects, or images where it is a map or a tag."""
    found = dataset.instances
    if kind not in object_targets(dataset) or found is None:
        return len(dataset)
    if kind == "masks" and found.segments is not None:
        return int((np.diff(found.segments.offsets) > 0)[found.usable].sum())
    if kind == "keypoints" and found.keypoints is not None:
        return int((found.keypoints[found.usable][..., 2] > 0).any(1).sum())
    return int(found.usable.sum())


def _reopen(cls: Any, folder: Path, sections: Mapping[str, Mapping[str, Any]], output: Output) -> None:
    """Open what was written, as a user will, and count."""
    images = boxes = 0
    for split, section in sections.items():
        options = {"root": str(folder), **section}
        dataset = cls(parse_options(cls.Options, options, owner=f"the {split} split of format {output.format}"))
        images += len(dataset)
        boxes += int(dataset.instances.usable.sum()) if dataset.instances is not None else 0
    for kind, found in (("images", images), ("boxes", boxes)):
        if found != output.kept[kind]:
            raise ContractError(
                f"{output.kept[kind]} {kind} were written as {output.format}, but {found} are read back",
                fix="this is a fault of the writer: please report it",
            )

"""Convert datasets to another format, completely or not at all, with a report of what was kept and lost."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

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
    """The result of a conversion.

    Attributes:
        sections: name of the split → ``format`` and its options besides ``root``, for the ``data`` of a config.
        kept: what was written unchanged → count.
        changed: what was changed → count.
        lost: what was left out, and why → count.
    """

    sections: dict[str, dict[str, object]]
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

    Everything is written to a temporary folder, opened again with the reader of the format, and only then renamed.

    Args:
        splits: name of the split → its dataset.
        format: a registered format with a writer.
        out: folder to create; an existing folder must be empty.
        link: hard-link the images if the file system supports it, instead of copying them.
        only: annotations to convert; None converts all that the datasets provide.
        progress: called with (images done, total images).

    Raises:
        UnknownNameError: there is no such format.
        DataError: ``out`` is not empty, or the format has no writer or cannot represent these data.
        ContractError: the written data differ from what the writer reports.
        SaveError: the data cannot be written; nothing is left behind.
    """
    out = out.expanduser().absolute()
    write, opened = _writer(format), find("datasets", format).target()
    _check(splits, only)
    _check_empty(out)
    partial = out.with_name(f".{out.name}-{secrets.token_hex(4)}.partial")
    total = sum(map(len, splits.values()))
    output = Output(partial, format=format, link=link, only=only, total=total, progress=progress)
    try:
        partial.mkdir(parents=True)
        sections = _sections(write(splits, output), format)
        _count_lost(splits, output)
        with quiet("hub"):  # opening the source has already logged the problems of the data
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
    """Return the names of the formats with a writer; broken plugins are left out."""
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
        raise DataError(f"the format {format} has no writer", fix=f"choose {', '.join(writable())}")
    return cast(Writer, entry.load(spec.writer))


def _sections(written: object, format: str) -> dict[str, dict[str, object]]:
    if not isinstance(written, Mapping) or not all(isinstance(section, Mapping) for section in written.values()):
        raise ContractError(
            f"the writer of {format} returned {written!r}",
            fix="return split → the options that open it again, as `hub.data.Writer` describes",
        )
    return {str(split): dict(section) for split, section in written.items()}


def _check(splits: Mapping[str, Dataset], only: frozenset[str] | None) -> None:
    for split, dataset in splits.items():
        if not re.fullmatch(r"\w[\w.-]*", split):
            raise DataError(f"invalid split name {split!r}", fix="use letters, digits, '_', '.' and '-'")
        if unknown := (only or frozenset()) - dataset.provides:
            raise DataError(
                f"{dataset.name} has no {', '.join(sorted(unknown))}",
                fix=f"it provides {', '.join(sorted(dataset.provides))}",
            )


def _check_empty(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} exists and is not an empty folder", fix="choose another, or remove it")


def _count_lost(splits: Mapping[str, Dataset], output: Output) -> None:
    """Count every kind of annotation that the writer did not write as lost."""
    kinds = dict.fromkeys(kind for dataset in splits.values() for kind in sorted(output.provides(dataset)))
    for kind in kinds:
        if output.kept[kind] or any(what.startswith(kind) for what in output.lost):
            continue
        for dataset in splits.values():
            if kind in output.provides(dataset):
                output.lost[f"{kind}: {output.format} does not support them"] += _amount(dataset, kind)


def _amount(dataset: Dataset, kind: str) -> int:
    """Return how many annotations of a kind a dataset has: objects, or images for a map or tag."""
    found = dataset.instances
    if kind not in object_targets(dataset) or found is None:
        return len(dataset)
    if kind == "masks" and found.segments is not None:
        return int((np.diff(found.segments.offsets) > 0)[found.usable].sum())
    if kind == "keypoints" and found.keypoints is not None:
        return int((found.keypoints[found.usable][..., 2] > 0).any(1).sum())
    return int(found.usable.sum())


def _reopen(cls: Any, folder: Path, sections: Mapping[str, Mapping[str, object]], output: Output) -> None:
    """Open the written data with the reader of the format, and compare the counts."""
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
                fix="this is a bug in the writer: please report it",
            )

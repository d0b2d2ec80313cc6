"""Write classes of images: a folder for each class, or a CSV table."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping

import numpy as np

from hub.contract.dataset import Dataset
from hub.contract.targets import tag_names
from hub.data.writers.names import check_class_names, file_names, shared_labels
from hub.data.writers.output import Output
from hub.errors import DataError


def write_image_folder(splits: Mapping[str, Dataset], output: Output) -> dict[str, dict[str, object]]:
    """Write ``split/class/image``; images without a class are left out. See `hub.data.writers.output.Writer`.

    Raises:
        DataError: there is no class tag, a class name is not a valid folder name, or an image has several classes.
    """
    tag = _tag(splits, output)
    labels, tables = shared_labels(splits, tag)
    check_class_names(labels.names, _is_folder, format=output.format, rule="it must be a valid folder name")
    names = file_names(splits, across=False)
    for split, dataset in splits.items():
        for index, name in enumerate(names[split]):
            known = _known(dataset, index, tag)
            if not (known == 1).any():
                output.lost["images without a class"] += 1
                continue
            if (known == 1).sum() > 1:
                raise DataError(
                    f"{dataset.path(index)} has several classes, but the format supports one per image",
                    fix="convert to csv",
                )
            output.lost["unknown labels"] += int(np.isnan(known).sum())
            label = labels.names[tables[split][int(np.flatnonzero(known == 1)[0])]]
            output.image(dataset, index, f"{split}/{label}/{name}")
            output.kept[tag] += 1
    return {split: {"split": split} for split in splits}


def write_csv(splits: Mapping[str, Dataset], output: Output) -> dict[str, dict[str, object]]:
    """Write a table for each split with a column for each class: 1, 0, or empty if unknown.

    See `hub.data.writers.output.Writer`.
    """
    tag = _tag(splits, output)
    labels, tables = shared_labels(splits, tag)
    column = "file" if "file" not in labels.names else "file name"
    check_class_names(
        labels.names, lambda name: name != column, format=output.format, rule="it is the name of another column"
    )
    names = file_names(splits, across=False)
    sections: dict[str, dict[str, object]] = {}
    for split, dataset in splits.items():
        unknown = False
        with (output.folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow([column, *labels.names])
            for index, name in enumerate(names[split]):
                place = output.image(dataset, index, f"images/{split}/{name}")
                values = np.full(len(labels), np.nan)
                values[tables[split]] = _known(dataset, index, tag)
                unknown |= bool(np.isnan(values).any())
                table.writerow([os.path.basename(place), *("" if np.isnan(v) else int(v) for v in values)])
                output.kept[tag] += 1
        sections[split] = {"file": f"{split}.csv", "images": f"images/{split}"}
        if unknown:
            sections[split]["unknown"] = "mask"
    return sections


def _tag(splits: Mapping[str, Dataset], output: Output) -> str:
    """Return the tag with labels that all splits have."""
    found: list[str] | None = None
    for dataset in splits.values():
        own = [tag for tag in tag_names(dataset) if tag in dataset.label_spaces and tag in output.provides(dataset)]
        found = own if found is None else [tag for tag in found if tag in own]
    if not found:
        output.require(splits, "classes", "it has classes of images")
    assert found
    if len(found) > 1:
        raise DataError(f"the data have the tags {', '.join(found)}", fix=f"choose one: --only {found[0]}")
    return found[0]


def _known(dataset: Dataset, index: int, tag: str) -> np.ndarray:
    """Return (classes,) 1, 0, or NaN if unknown."""
    value = dataset.tags(index, frozenset({tag}))[tag]
    count = len(dataset.label_spaces[tag])
    if np.issubdtype(value.dtype, np.integer) and value.ndim == 0:
        return np.asarray(np.arange(count) == int(value), np.float64)
    if value.shape != (count,) or not np.isin(value[~np.isnan(value)], (0, 1)).all():
        raise DataError(
            f"{dataset.path(index)}: {tag} is neither a class index nor 0 and 1 for each class",
            fix="choose another tag",
        )
    return value.astype(np.float64)


def _is_folder(name: str) -> bool:
    return bool(name) and not name.startswith(".") and name == name.strip() and not set(name) & set('\\/:*?"<>|\0')

"""Writing maps of classes: folders of masks, paletted PNGs as Pascal VOC's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hub.contract.dataset import Dataset
from hub.contract.targets import IGNORE, map_names
from hub.data.annotations.masks import decode_masks
from hub.data.writers.names import check_class_names, file_names, is_one_line, shared_labels
from hub.data.writers.objects import objects_of, packed
from hub.data.writers.output import Output
from hub.errors import DataError

BACKGROUND = "background"


def write_mask_folder(splits: Mapping[str, Dataset], output: Output) -> dict[str, dict[str, Any]]:
    """``images/``, ``masks/``, ``names.txt``, and a list of names for each split.

    A map of classes is written as it is, and pixels to ignore are 255. Masks of objects become a map, see `_painted`.
    See `hub.data.writers.output.Writer`.
    """
    names = _write(splits, output, images="images", masks="masks", lists="")
    check_class_names(names, is_one_line, format=output.format, rule="names.txt has a name a line")
    (output.folder / "names.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return {split: {"split": f"{split}.txt"} for split in splits}


def write_voc_segmentation(splits: Mapping[str, Dataset], output: Output) -> dict[str, dict[str, Any]]:
    """``JPEGImages/``, ``SegmentationClass/``, and lists in ``ImageSets/Segmentation``; see `write_mask_folder`.

    VOC keeps no list of the classes: their names live in the config alone.
    """
    names = _write(splits, output, images="JPEGImages", masks="SegmentationClass", lists="ImageSets/Segmentation")
    return {split: {"split": split, "names": list(names)} for split in splits}


def _write(splits: Mapping[str, Dataset], output: Output, *, images: str, masks: str, lists: str) -> tuple[str, ...]:
    """Write it all but the names, which are returned."""
    kind = _kind(splits, output)
    labels, tables = shared_labels(splits, kind)
    names = labels.names if kind != "instances" else _with_background(labels.names)
    if len(names) > IGNORE:
        raise DataError(
            f"{len(names)} classes cannot be written as {output.format}: a mask holds {IGNORE}",
            fix="merge some of them",
        )
    files = file_names(splits, across=True)
    (output.folder / masks).mkdir(parents=True)
    (output.folder / lists).mkdir(parents=True, exist_ok=True)
    for split, dataset in splits.items():
        for index, name in enumerate(files[split]):
            output.image(dataset, index, f"{images}/{name}")
            if kind == "instances":
                values = _painted(dataset, index, tables[split] + 1, output)
            else:
                values = _translated(dataset, index, kind, tables[split])
                output.kept[kind] += 1
            _write_mask(output.folder / masks / f"{name}.png", values)
        lines = "".join(f"{name}\n" for name in files[split])
        (output.folder / lists / f"{split}.txt").write_text(lines, encoding="utf-8")
    return names


def _kind(splits: Mapping[str, Dataset], output: Output) -> str:
    """The map to write, or ``"instances"`` to make one of masks."""
    found = []
    for dataset in splits.values():
        maps = [
            name for name in map_names(dataset) if name in dataset.label_spaces and name in output.provides(dataset)
        ]
        if len(maps) > 1:
            raise DataError(f"{dataset.name} has the maps {', '.join(maps)}", fix=f"choose one: --only {maps[0]}")
        found.append(maps[0] if maps else "instances")
    if found[0] == "instances" or len(set(found)) > 1:
        output.require(
            splits, "masks", "it holds a class for every pixel, and a box does not say which are its object's"
        )
        return "instances"
    return found[0]


def _with_background(names: tuple[str, ...]) -> tuple[str, ...]:
    if BACKGROUND in names:
        raise DataError(f"objects of a class {BACKGROUND!r} cannot become a map, where it means none", fix="rename it")
    return (BACKGROUND, *names)


def _translated(dataset: Dataset, index: int, kind: str, table: np.ndarray) -> np.ndarray:
    values = dataset.load(index, frozenset({kind})).maps[kind]
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.integer):
        raise DataError(
            f"{dataset.path(index)}: its {kind} is no map of classes, but {values.dtype} of shape {values.shape}",
            fix="convert a flat map of classes: --only NAME",
        )
    whole = np.full(IGNORE + 1, IGNORE, np.int64)
    whole[: len(table)] = table
    recoded: np.ndarray = whole[values].astype(np.uint8)
    return recoded


def _painted(dataset: Dataset, index: int, table: np.ndarray, output: Output) -> np.ndarray:
    """The masks of an image's objects as a map: a pixel of several belongs to the smallest of them.

    Nobody knows which pixels are those of an object without a mask: its box is ignored.
    """
    found, all_ = objects_of(dataset, index), packed(dataset)
    assert all_.segments is not None
    height, width = dataset.sizes[index].tolist()
    where = [f"{dataset.name}: annotation {all_.ids[row]} of image {dataset.ids[index]!r}" for row in found.rows]
    masks = decode_masks([all_.segments[row] for row in found.rows], height, width, where=where)
    pixels = masks.areas
    values = np.zeros((height, width), np.uint8)
    for i in np.flatnonzero(pixels == 0):
        x1, y1, x2, y2 = found.boxes[i]
        values[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = IGNORE
        output.changed["objects without a mask, whose boxes are ignored"] += 1
    seen = np.zeros((height, width), np.int64)
    for i in np.argsort(-pixels, kind="stable"):
        if pixels[i]:
            window, own = masks.window(i), masks.crops[i]
            values[window][own > 0] = table[found.labels[i]]
            seen[window] += own
            output.kept["masks"] += 1
            output.changed["masks of objects, now classes of pixels: objects of one class that touch are one"] += 1
    output.changed["pixels of several objects, given to the smallest"] += int((seen > 1).sum())
    return values


def _write_mask(path: Any, values: np.ndarray) -> None:
    from PIL import Image

    picture = Image.fromarray(values)
    picture.putpalette(_palette())
    picture.save(path)


def _palette() -> bytes:
    """VOC's colours: the bits of the class, lowest first, go in turn to red, green and blue, from the highest bit."""
    classes = np.arange(256)
    colors = np.zeros((256, 3), np.int64)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= ((classes >> channel) & 1) << (7 - bit)
        classes = classes >> 3
    return colors.astype(np.uint8).tobytes()

"""Write semantic maps: folders of masks, paletted PNGs like Pascal VOC's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hub.contract.dataset import Dataset
from hub.contract.sample import Instances
from hub.contract.targets import IGNORE, map_names
from hub.data.annotations.masks import decode_masks
from hub.data.annotations.painted import BACKGROUND, paint
from hub.data.writers.names import check_class_names, file_names, is_one_line, shared_labels
from hub.data.writers.objects import objects_of, packed
from hub.data.writers.output import Output
from hub.errors import DataError


def write_mask_folder(splits: Mapping[str, Dataset], output: Output) -> dict[str, dict[str, object]]:
    """Write ``images/``, ``masks/``, ``names.txt``, and a list of image names for each split.

    A semantic map is written unchanged, with 255 for ignored pixels. Masks of objects become a map, see `_painted`.
    See `hub.data.writers.output.Writer`.
    """
    names = _write(splits, output, images="images", masks="masks", lists="")
    check_class_names(names, is_one_line, format=output.format, rule="names.txt has one name per line")
    (output.folder / "names.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return {split: {"split": f"{split}.txt"} for split in splits}


def write_voc_segmentation(splits: Mapping[str, Dataset], output: Output) -> dict[str, dict[str, object]]:
    """Write ``JPEGImages/``, ``SegmentationClass/``, and lists in ``ImageSets/Segmentation``; see `write_mask_folder`.

    VOC has no list of classes: their names are only in the config.
    """
    names = _write(splits, output, images="JPEGImages", masks="SegmentationClass", lists="ImageSets/Segmentation")
    return {split: {"split": split, "names": list(names)} for split in splits}


def _write(splits: Mapping[str, Dataset], output: Output, *, images: str, masks: str, lists: str) -> tuple[str, ...]:
    """Write everything except the class names, which are returned."""
    kind = _kind(splits, output)
    labels, tables = shared_labels(splits, kind)
    names = labels.names if kind != "instances" else _with_background(labels.names)
    if len(names) > IGNORE:
        raise DataError(
            f"{len(names)} classes cannot be written as {output.format}: a mask supports {IGNORE}",
            fix="merge some classes",
        )
    files = file_names(splits, across=True)
    (output.folder / masks).mkdir(parents=True)
    (output.folder / lists).mkdir(parents=True, exist_ok=True)
    for split, dataset in splits.items():
        for index, name in enumerate(files[split]):
            output.image(dataset, index, f"{images}/{name}")
            if kind == "instances":
                values = _painted(dataset, index, tables[split], output)
            else:
                values = _translated(dataset, index, kind, tables[split])
                output.kept[kind] += 1
            _write_mask(output.folder / masks / f"{name}.png", values)
        lines = "".join(f"{name}\n" for name in files[split])
        (output.folder / lists / f"{split}.txt").write_text(lines, encoding="utf-8")
    return names


def _kind(splits: Mapping[str, Dataset], output: Output) -> str:
    """Return the map to write, or ``"instances"`` to create one from masks."""
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
            splits, "masks", "it has a class for every pixel, and a box does not tell which pixels are the object"
        )
        return "instances"
    return found[0]


def _with_background(names: tuple[str, ...]) -> tuple[str, ...]:
    if BACKGROUND in names:
        raise DataError(f"in a map, {BACKGROUND!r} means no object, but it is a class of objects", fix="rename it")
    return (BACKGROUND, *names)


def _translated(dataset: Dataset, index: int, kind: str, table: np.ndarray) -> np.ndarray:
    values = dataset.load(index, frozenset({kind})).maps[kind]
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.integer):
        raise DataError(
            f"{dataset.path(index)}: {kind} is not a semantic map, but {values.dtype} of shape {values.shape}",
            fix="choose a semantic map: --only NAME",
        )
    lookup = np.full(IGNORE + 1, IGNORE, np.uint8)
    lookup[: len(table)] = table
    return np.asarray(lookup[values])


def _painted(dataset: Dataset, index: int, table: np.ndarray, output: Output) -> np.ndarray:
    """Return the masks of the objects of an image as a map, see `hub.data.annotations.painted.paint`."""
    found, all_ = objects_of(dataset, index), packed(dataset)
    assert all_.segments is not None
    height, width = dataset.sizes[index].tolist()
    where = [f"{dataset.name}: annotation {all_.ids[row]} of image {dataset.ids[index]!r}" for row in found.rows]
    masks = decode_masks([all_.segments[row] for row in found.rows], height, width, where=where)
    with_mask = np.flatnonzero(masks.areas > 0)
    coverage = np.zeros((height, width), np.int64)
    for i in with_mask.tolist():
        coverage[masks.window(i)] += masks.crops[i]
    output.kept["masks"] += len(with_mask)
    output.changed["masks of objects, now semantic: touching objects of one class are merged"] += len(with_mask)
    output.changed["objects without a mask, whose boxes are ignored"] += len(found.rows) - len(with_mask)
    output.changed["pixels of several objects, assigned to the smallest"] += int((coverage > 1).sum())
    return paint(Instances(found.boxes, table[found.labels], found.crowd, masks), (height, width))


def _write_mask(path: Any, values: np.ndarray) -> None:
    from PIL import Image

    picture = Image.fromarray(values)
    picture.putpalette(_palette())
    picture.save(path)


def _palette() -> bytes:
    """Return VOC's colors: the bits of the class, lowest first, fill red, green and blue in turn, highest bit first."""
    classes = np.arange(256)
    colors = np.zeros((256, 3), np.int64)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= ((classes >> channel) & 1) << (7 - bit)
        classes = classes >> 3
    return colors.astype(np.uint8).tobytes()

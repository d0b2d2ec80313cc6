"""Write the format of the YOLO family: a text file of boxes or polygons for each image, and a list of classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml

from hub.contract.dataset import Dataset
from hub.data.writers.names import file_names, shared_labels
from hub.data.writers.objects import count_boxes, objects_of, packed
from hub.data.writers.outline import outline
from hub.data.writers.output import Output


def write_yolo(splits: Mapping[str, Dataset], output: Output) -> dict[str, dict[str, object]]:
    """Write polygons if every object has a mask, or else boxes, as fractions of the image size with all digits.

    Each mask becomes one polygon: the parts and holes of an object are joined by lines of zero width, so that the
    pixels stay the same (see `hub.data.writers.outline`). Crowd regions are left out, because the format does not
    support them. See `hub.data.writers.output.Writer`.
    """
    output.require(splits, "boxes", "its text files have boxes or polygons")
    labels, tables = shared_labels(splits, "instances")
    names = file_names(splits, across=False)
    polygons = all(_all_masked(dataset, output) for dataset in splits.values())
    count_boxes(splits, output)
    for split, dataset in splits.items():
        for index, name in enumerate(names[split]):
            place = Path(output.image(dataset, index, f"images/{split}/{name}"))
            lines = _lines(dataset, index, tables[split], polygons=polygons, output=output)
            target = output.folder / "labels" / split / f"{place.stem}.txt"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if polygons:
        output.changed["boxes, replaced by the bounding boxes of the polygons"] += output.kept["boxes"]
    content = {**{split: f"images/{split}" for split in splits}, "names": dict(enumerate(labels.names))}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    (output.folder / "data.yaml").write_text(text, encoding="utf-8")
    return {split: {"split": split} for split in splits}


def _all_masked(dataset: Dataset, output: Output) -> bool:
    """Return whether polygons can be written: the format supports them for all objects or none."""
    all_ = packed(dataset)
    if "masks" not in output.provides(dataset) or all_.segments is None:
        return False
    rows = np.flatnonzero(all_.usable & ~all_.crowd)
    bare = int((np.diff(all_.segments.offsets)[rows] == 0).sum())
    if bare:
        output.lost[f"masks: {bare} objects have none, but YOLO needs polygons for all objects or none"] += (
            len(rows) - bare
        )
    return not bare


def _lines(dataset: Dataset, index: int, table: np.ndarray, *, polygons: bool, output: Output) -> list[str]:
    found, all_ = objects_of(dataset, index), packed(dataset)
    height, width = dataset.sizes[index].tolist()
    sides = np.array([width, height])
    lines = []
    for row, box, label, crowd in zip(found.rows, found.boxes, table[found.labels], found.crowd, strict=True):
        if crowd:
            output.lost["crowd regions: YOLO does not support them"] += 1
            continue
        if polygons and all_.segments is not None:
            where = f"{dataset.name}: annotation {all_.ids[row]} of image {dataset.ids[index]!r}"
            points = outline(
                all_.segments[row], height, width, where=where, as_read=lambda points: _fractions(points, sides) * sides
            )
            if points is None:
                output.lost["objects whose mask has no pixel"] += 1
                continue
            values = _fractions(points, sides).ravel()
            output.kept["masks"] += 1
        else:
            values = np.concatenate([(box[:2] + box[2:]) / 2 / sides, (box[2:] - box[:2]) / sides])
        output.kept["boxes"] += 1
        lines.append(" ".join([str(label), *map(repr, values.tolist())]))
    return lines


def _fractions(pixels: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Return pixels as fractions of the image size, rounded so that the product is exactly the pixels, if possible.

    pycocotools rasterizes in fifths of a pixel, and labeling tools often put points on the borders between them, where
    the last bit decides which pixels a polygon covers.
    """
    fractions: np.ndarray = pixels / sides
    for towards in (np.inf, -np.inf):
        near = np.nextafter(fractions, towards)
        fractions = np.where((fractions * sides != pixels) & (near * sides == pixels), near, fractions)
    return fractions

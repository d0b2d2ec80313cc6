"""Write Pascal VOC's format: one XML file per image, and lists of image names for the splits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from hub.contract.dataset import Dataset
from hub.data.writers.names import check_class_names, file_names, is_one_line
from hub.data.writers.objects import Objects, count_boxes, objects_of, packed
from hub.data.writers.output import Output


def write_voc(splits: Mapping[str, Dataset], output: Output) -> dict[str, dict[str, object]]:
    """Write boxes in whole pixels; crowd regions are marked difficult, which `hub.data.formats.voc` reads as crowd.

    A side moves by at most half a pixel, but a box that is one pixel wide grows to two, because readers of VOC treat
    equal corners as a box without area. See `hub.data.writers.output.Writer`.
    """
    output.require(splits, "boxes", "VOC's XML holds boxes")
    every = tuple(dict.fromkeys(n for d in splits.values() for n in d.label_spaces["instances"].names))
    check_class_names(every, _is_xml, format=output.format, rule="it must be one line of printable text")
    count_boxes(splits, output)
    names = file_names(splits, across=True)
    lists = output.folder / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (output.folder / "Annotations").mkdir()
    used: set[str] = set()
    for split, dataset in splits.items():
        for index, name in enumerate(names[split]):
            file = output.image(dataset, index, f"JPEGImages/{name}")
            found = objects_of(dataset, index)
            tree = _page(Path(file).name, dataset, index, found, output)
            tree.write(output.folder / "Annotations" / f"{name}.xml", encoding="utf-8", xml_declaration=False)
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names[split]), encoding="utf-8")
        own = packed(dataset)
        used |= {dataset.label_spaces["instances"].names[k] for k in np.unique(own.labels[own.usable]).tolist()}
    # VOC has no list of classes: classes without an object, and the order, are only in the config.
    extra = {} if tuple(sorted(used)) == every else {"labels": list(every)}
    return {split: {"split": split, **extra} for split in splits}


def _page(file: str, dataset: Dataset, index: int, found: Objects, output: Output) -> ElementTree.ElementTree:
    height, width = dataset.sizes[index].tolist()
    root = ElementTree.Element("annotation")
    _add(root, filename=file)
    _add(ElementTree.SubElement(root, "size"), width=width, height=height, depth=3)
    for box, label, crowd in zip(found.boxes.tolist(), found.labels.tolist(), found.crowd.tolist(), strict=True):
        x1, x2, wider = _pixels(box[0], box[2], width)
        y1, y2, higher = _pixels(box[1], box[3], height)
        if not (x1 < x2 and y1 < y2):
            output.lost["boxes in images that are one pixel wide or high"] += 1
            continue
        output.kept["boxes"] += 1
        output.changed["crowd regions, marked difficult"] += crowd
        output.changed["boxes of about one pixel, enlarged to two"] += wider or higher
        element = ElementTree.SubElement(root, "object")
        _add(element, name=dataset.label_spaces["instances"].names[label], difficult=int(crowd))
        _add(ElementTree.SubElement(element, "bndbox"), xmin=x1, ymin=y1, xmax=x2, ymax=y2)
    ElementTree.indent(root)
    return ElementTree.ElementTree(root)


def _pixels(low: float, high: float, limit: int) -> tuple[int, int, bool]:
    """Return the first and the last pixel of an interval, counted from 1, and whether it was enlarged."""
    first, last = round(low) + 1, round(high)
    if first < last:
        return first, last, False
    first = min(max(round((low + high) / 2), 1), max(limit - 1, 1))  # around its center, inside the image
    return first, min(first + 1, limit), True


def _add(parent: ElementTree.Element, **texts: object) -> None:
    for tag, text in texts.items():
        ElementTree.SubElement(parent, tag).text = str(text)


def _is_xml(name: str) -> bool:
    return is_one_line(name) and name.isprintable()

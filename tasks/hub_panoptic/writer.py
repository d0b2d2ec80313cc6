"""Write COCO's panoptic format: datasets to train on, and results for its evaluation."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hub import LabelSpace
from hub.data import Dataset, Output, file_names
from hub.errors import DataError
from hub.files import to_json, write_bytes, write_text
from hub_panoptic.ids import ids_to_png
from hub_panoptic.results import PanopticMap, segment_boxes
from hub_panoptic.truth import PanopticTruth, check_truth, classes_of, things_of, truth_of


def write_coco_panoptic(splits: Mapping[str, Dataset], output: Output) -> dict[str, dict[str, object]]:
    """Write a folder of images, a JSON file and a folder of PNGs for each split; see `hub.data.Writer`.

    Segments are the dataset's own or made from masks and a semantic map, see `hub_panoptic.truth.truth_of`. Images are
    numbered from 1 if their ids are not integers.
    """
    for dataset in splits.values():
        check_truth(dataset)
        if missing := sorted(frozenset({"masks", "semantic"}) & dataset.provides - output.provides(dataset)):
            raise DataError(f"panoptic segments of {dataset.name} need its {missing[0]}", fix=f"--only …,{missing[0]}")
    names = file_names(splits, across=False)
    sections: dict[str, dict[str, object]] = {}
    for split, dataset in splits.items():
        place = f"annotations/panoptic_{split}.json"
        files = [output.image(dataset, i, f"{split}/{name}") for i, name in enumerate(names[split])]
        _write_split(output.folder / place, dataset, [Path(file).name for file in files], names[split], output)
        sections[split] = {"images": split, "annotations": place}
    return sections


def write_results(results: Sequence[PanopticMap], path: str | os.PathLike[str]) -> Path:
    """Write predictions for COCO's panoptic evaluation: a JSON file and a folder of PNGs of the same name.

    Args:
        results: with the image ids of the annotations.
        path: of the JSON file.

    Returns:
        ``path``.

    Raises:
        SaveError: the files cannot be written.
    """
    path = Path(path)
    annotations = []
    for number, result in enumerate(results):
        name = f"{result.image_id if isinstance(result.image_id, int) else number:012d}.png"
        write_bytes(path.with_suffix("") / name, ids_to_png(result.segments.numpy()))
        annotations += [{**record, "file_name": name} for record in result.to_records()]
    return write_text(path, to_json({"annotations": annotations}))


def _write_split(path: Path, dataset: Dataset, files: list[str], names: list[str], output: Output) -> None:
    labels, things = classes_of(dataset), things_of(dataset)
    are_integers = all(isinstance(id_, int) for id_ in dataset.ids)
    ids = list(dataset.ids) if are_integers else list(range(1, len(files) + 1))
    folder = path.with_suffix("")
    folder.mkdir(parents=True)
    images, annotations = [], []
    for index, (id_, file, name) in enumerate(zip(ids, files, names, strict=True)):
        truth = truth_of(dataset, index)
        (folder / f"{name}.png").write_bytes(ids_to_png(truth.segments * np.isin(truth.segments, truth.ids)))
        height, width = dataset.sizes[index].tolist()
        images.append({"id": id_, "file_name": file, "height": height, "width": width})
        segments = _segments(truth, labels)
        annotations.append({"image_id": id_, "file_name": f"{name}.png", "segments_info": segments})
        found = int(things[truth.labels].sum())
        output.kept.update({"boxes": found, "masks": found, "semantic": 1})
        if dataset.instances is not None:
            hidden = int(dataset.instances.usable[dataset.instances.of_image(index)].sum()) - found
            output.lost["objects without a pixel of their own"] += hidden
    content = {"images": images, "annotations": annotations, "categories": _categories(labels, things)}
    path.write_text(to_json(content), encoding="utf-8")


def _segments(truth: PanopticTruth, labels: LabelSpace) -> list[dict[str, object]]:
    ids = truth.ids.tolist()
    boxes = segment_boxes(truth.segments, ids)
    return [
        {
            "id": id_,
            "category_id": labels.ids[label],
            "iscrowd": int(crowd),
            "bbox": box,
            "area": int((truth.segments == id_).sum()),
        }
        for id_, label, crowd, box in zip(ids, truth.labels.tolist(), truth.crowd.tolist(), boxes, strict=True)
    ]


def _categories(labels: LabelSpace, things: np.ndarray) -> list[dict[str, object]]:
    return [
        {"id": id_, "name": name, "isthing": int(thing)}
        for id_, name, thing in zip(labels.ids, labels.names, things.tolist(), strict=True)
    ]

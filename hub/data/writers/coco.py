"""Write COCO's format: a folder of images and a JSON file for each split."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hub.contract.dataset import Dataset
from hub.data.formats.instances import InstanceOptions
from hub.data.writers.names import file_names
from hub.data.writers.objects import packed
from hub.data.writers.output import Output


def write_coco(splits: Mapping[str, Dataset], output: Output) -> dict[str, dict[str, object]]:
    """Write boxes, masks, crowds and keypoints exactly, including their ids and areas and unusable boxes.

    What `hub.data.formats.coco` does not read (licences, captions, supercategories, skeletons) is not written. Images
    whose ids are no integers get ids from 1. See `hub.data.writers.output.Writer`.
    """
    output.require(splits, "boxes", "COCO's JSON holds objects with boxes")
    names = file_names(splits, across=False)
    sections: dict[str, dict[str, object]] = {}
    for split, dataset in splits.items():
        place = f"annotations/{split}.json"
        files = [output.image(dataset, i, f"{split}/{name}") for i, name in enumerate(names[split])]
        _write_json(output.folder / place, dataset, [Path(file).name for file in files], output)
        sections[split] = {"images": split, "annotations": place, **_bad_box_limit(dataset)}
    return sections


def _write_json(path: Path, dataset: Dataset, files: list[str], output: Output) -> None:
    whole = all(isinstance(id_, int) for id_ in dataset.ids)
    ids = list(dataset.ids) if whole else list(range(1, len(files) + 1))
    images = [
        {"id": id_, "file_name": file, "height": height, "width": width}
        for id_, file, (height, width) in zip(ids, files, dataset.sizes.tolist(), strict=True)
    ]
    keypointed = _keypointed(dataset) if "keypoints" in output.provides(dataset) else np.zeros(0, np.int64)
    names = list(packed(dataset).keypoint_names)
    labels = dataset.label_spaces["instances"]
    categories = [
        {"id": id_, "name": name, **({"keypoints": names} if k in keypointed else {})}
        for k, (id_, name) in enumerate(zip(labels.ids, labels.names, strict=True))
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{"images": {json.dumps(images)},\n"categories": {json.dumps(categories)},\n"annotations": [')
        before = "\n"
        for index, id_ in enumerate(ids):
            for annotation in _annotations(dataset, index, id_, keypointed, output):
                file.write(before + annotation)
                before = ",\n"
        file.write("\n]}\n")


def _annotations(
    dataset: Dataset, index: int, image_id: int | str, keypointed: np.ndarray, output: Output
) -> list[str]:
    """Return the JSON text of each annotation; segmentations keep their text, so that no number changes."""
    all_, given = packed(dataset), output.provides(dataset)
    span = all_.of_image(index)
    out = []
    for row in range(span.start, span.stop):
        if not np.isfinite(all_.boxes[row]).all():
            output.lost["boxes with coordinates that are not finite"] += 1
            continue
        x1, y1, x2, y2 = all_.boxes[row].tolist()
        annotation: dict[str, object] = {
            "id": int(all_.ids[row]),
            "image_id": image_id,
            "category_id": dataset.label_spaces["instances"].ids[all_.labels[row]],
            "bbox": [_short(x1), _short(y1), _side(x1, x2), _side(y1, y2)],
            "area": _short(float(all_.area[row])),
            "iscrowd": int(all_.crowd[row]),
        }
        if all_.keypoints is not None and all_.labels[row] in keypointed:
            points = all_.keypoints[row]
            annotation["keypoints"] = [_short(float(str(value))) for value in points.ravel()]
            annotation["num_keypoints"] = int((points[:, 2] > 0).sum())
            output.kept["keypoints"] += bool(annotation["num_keypoints"])
        segment = all_.segments[row] if all_.segments is not None and "masks" in given else b""
        output.kept["boxes"] += bool(all_.usable[row])
        output.kept["masks"] += bool(segment)
        out.append(f'{json.dumps(annotation)[:-1]}, "segmentation": {segment.decode() or "[]"}}}')
    return out


def _keypointed(dataset: Dataset) -> np.ndarray:
    """Return the classes with labeled keypoints, or all classes if no keypoint is labeled."""
    all_ = packed(dataset)
    assert all_.keypoints is not None
    found = np.unique(all_.labels[(all_.keypoints != 0).any((1, 2))])
    return found if len(found) else np.arange(len(dataset.label_spaces["instances"]))


def _bad_box_limit(dataset: Dataset) -> dict[str, object]:
    """Return the option ``max_bad_boxes`` that these data need, if it is above the default."""
    share = float((~packed(dataset).usable).mean()) if len(packed(dataset)) else 0.0
    usual = InstanceOptions.model_fields["max_bad_boxes"].default
    return {"max_bad_boxes": min(1.0, math.ceil(share * 1000) / 1000)} if share > usual else {}


def _short(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def _side(low: float, high: float) -> float | int:
    """Return the width or height with the fewest decimals for which ``low + side == high`` exactly."""
    side = high - low
    candidates = [round(side, decimals) for decimals in range(17)]
    candidates += [side, math.nextafter(side, math.inf), math.nextafter(side, -math.inf)]
    return _short(next((c for c in candidates if low + c == high), side))

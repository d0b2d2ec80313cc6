"""The doctor: decode everything, and list every problem instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from hub.contract.dataset import Dataset
from hub.contract.packed import PackedInstances
from hub.data.annotations.boxes import check_boxes
from hub.errors import DataError

Progress = Callable[[int, int], None]


def examine(dataset: Dataset, *, workers: int = 1, progress: Progress | None = None) -> list[str]:
    """Decode every image with all its annotations.

    Args:
        dataset: any that could be opened.
        workers: threads.
        progress: called with (images done, images in all) after each image.

    Returns:
        One line for each problem, in the order of the images.
    """
    found: list[str] = []
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for done, problems in enumerate(pool.map(lambda index: _of_image(dataset, index), range(len(dataset))), 1):
            found += problems
            if progress is not None:
                progress(done, len(dataset))
    return found


def _of_image(dataset: Dataset, index: int) -> list[str]:
    found = []
    try:
        dataset.load(index, dataset.provides)
    except DataError as error:
        found.append(str(error).partition("\n")[0])
    if dataset.instances is not None:
        name = f"{dataset.name}: image {dataset.ids[index]!r}"
        found += [f"{name}: {what}" for what in _of_objects(dataset.instances, index, dataset.sizes[index])]
    return found


def _of_objects(packed: PackedInstances, index: int, size: np.ndarray) -> Iterator[str]:
    span = packed.of_image(index)
    seen: dict[tuple[float, ...], int] = {}
    for row in range(span.start, span.stop):
        about, box = f"annotation {packed.ids[row]}", packed.boxes[row]
        report = check_boxes(box[None], size[None])
        if report:
            what = str(report).partition(": ")[2].removeprefix("1 ")
            yield f"{about}: a box {what}: {', '.join(f'{side:g}' for side in box)}"
        key = (float(packed.labels[row]), float(packed.crowd[row]), *box.tolist())
        if key in seen:
            yield f"{about}: the same box and class as annotation {seen[key]}"
        seen.setdefault(key, int(packed.ids[row]))
        if packed.segments is not None and not packed.segments[row]:
            yield f"{about}: no mask, where others have one"

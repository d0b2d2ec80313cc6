"""Check a dataset: decode everything and list all problems instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from hub.contract.dataset import Dataset
from hub.contract.packed import PackedInstances
from hub.data.annotations.boxes import check_boxes
from hub.data.tools.learnable import check_learnable
from hub.errors import DataError

Progress = Callable[[int, int], None]


def find_problems(dataset: Dataset, *, workers: int = 1, progress: Progress | None = None) -> list[str]:
    """Decode every image with all its annotations and list the problems.

    Args:
        dataset: any dataset.
        workers: number of threads.
        progress: called with (images done, total images) after each image.

    Returns:
        One line for each problem: first those of the dataset, then in the order of the images.
    """
    problems: list[str] = []
    try:
        check_learnable(dataset)
    except DataError as error:
        problems.append(str(error).partition("\n")[0])
    with ThreadPoolExecutor(max_workers=workers) as pool:
        found = pool.map(lambda index: _image_problems(dataset, index), range(len(dataset)))
        for done, lines in enumerate(found, 1):
            problems += lines
            if progress is not None:
                progress(done, len(dataset))
    return problems


def _image_problems(dataset: Dataset, index: int) -> list[str]:
    problems = []
    try:
        dataset.load(index, dataset.provides)
    except DataError as error:
        problems.append(str(error).partition("\n")[0])
    if dataset.instances is not None:
        name = f"{dataset.name}: image {dataset.ids[index]!r}"
        problems += [f"{name}: {text}" for text in _object_problems(dataset.instances, index, dataset.sizes[index])]
    return problems


def _object_problems(packed: PackedInstances, index: int, size: np.ndarray) -> Iterator[str]:
    span = packed.of_image(index)
    seen: dict[tuple[float, ...], int] = {}
    for row in range(span.start, span.stop):
        name, box = f"annotation {packed.ids[row]}", packed.boxes[row]
        report = check_boxes(box[None], size[None])
        if report:
            problem = str(report).partition(": ")[2].removeprefix("1 ")
            yield f"{name}: a box {problem}: {', '.join(f'{side:g}' for side in box)}"
        key = (float(packed.labels[row]), float(packed.crowd[row]), *box.tolist())
        if key in seen:
            yield f"{name}: the same box and class as annotation {seen[key]}"
        seen.setdefault(key, int(packed.ids[row]))
        if packed.segments is not None and not packed.segments[row]:
            yield f"{name}: no mask, but other objects have one"

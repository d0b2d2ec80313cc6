"""Semantic maps painted from the masks of objects."""

from __future__ import annotations

import numpy as np

from hub.contract.sample import Instances
from hub.contract.targets import IGNORE
from hub.errors import DataError
from hub.labels import LabelSpace

BACKGROUND = "background"


def painted_labels(labels: LabelSpace, *, name: str) -> LabelSpace:
    """Return the labels of painted maps: ``background``, then those of the objects.

    Args:
        labels: labels of the objects.
        name: name of the dataset, for messages.

    Raises:
        DataError: a class is called ``background``, or there are more classes than a map supports.

    >>> painted_labels(LabelSpace(("cat", "dog"), (17, 18)), name="pets")
    LabelSpace(names=('background', 'cat', 'dog'), ids=(0, 17, 18))
    """
    if BACKGROUND in labels.names or len(labels) >= IGNORE:
        raise DataError(
            f"{name} has {len(labels)} classes of objects"
            + (f", one of which is called {BACKGROUND!r}" if BACKGROUND in labels.names else f"; a map holds {IGNORE}"),
            fix="leave out semantic_from_masks, or merge or rename classes",
        )
    free = 0 if 0 not in labels.ids else max(labels.ids) + 1
    return LabelSpace((BACKGROUND, *labels.names), (free, *labels.ids))


def paint(objects: Instances, size: tuple[int, int]) -> np.ndarray:
    """Return the class of every pixel: 0 for the background, k + 1 for objects of the class k.

    Overlapping objects are painted in the order of `Instances.back_to_front`. The box of an object without a mask is
    `IGNORE` where no other object covers it, because the pixels of the object are not known.

    Args:
        objects: objects with masks.
        size: height and width in pixels.

    Returns:
        (H, W) uint8.
    """
    out = np.zeros(size, np.uint8)
    if objects.masks is None or not len(objects):
        return out
    areas = objects.masks.areas
    for x1, y1, x2, y2 in objects.boxes[areas == 0].tolist():
        out[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = IGNORE
    objects.masks.paint(out, objects.labels + 1, objects.back_to_front())
    return out

"""Check from the annotations whether a dataset has anything to learn from."""

from __future__ import annotations

import logging

import numpy as np

from hub.contract.dataset import Dataset
from hub.errors import DataError

log = logging.getLogger("hub")

_SHOWN = 10


def check_learnable(dataset: Dataset) -> None:
    """Refuse a dataset without an object to learn from, and warn of classes that never occur.

    Crowd regions and boxes without an area do not count. Datasets without object annotations, such as those of maps
    and tags, pass.

    Raises:
        DataError: there is none; the message has the numbers of images, crowd regions and boxes that are not usable.
    """
    if dataset.instances is None:
        return
    instances = dataset.instances
    learnable = instances.usable & ~instances.crowd
    if not learnable.any():
        raise DataError(
            f"{dataset.name} has no object to learn from: {len(dataset)} images, {len(instances)} annotations, "
            f"{int(instances.crowd.sum())} of them crowd regions and {int((~instances.usable).sum())} without a usable "
            "box",
            fix="check the annotation file and the folder of labels; `hub data check` lists every problem",
        )
    _warn_of_missing_classes(dataset, np.bincount(instances.labels[learnable], minlength=1))


def warn_if_nothing_to_score(dataset: Dataset) -> None:
    """Warn if validation data have no objects: the metrics are then undefined and cannot select the best checkpoint."""
    if dataset.instances is not None and not (dataset.instances.usable & ~dataset.instances.crowd).any():
        log.warning("%s has no objects, so its metrics are undefined", dataset.name)


def _warn_of_missing_classes(dataset: Dataset, counts: np.ndarray) -> None:
    names = dataset.label_spaces["instances"].names
    counts = np.pad(counts, (0, max(0, len(names) - len(counts))))
    missing = [name for name, count in zip(names, counts, strict=False) if not count]
    if missing:
        shown = ", ".join(missing[:_SHOWN]) + (" …" if len(missing) > _SHOWN else "")
        log.warning("%s: no object of %d of the %d classes: %s", dataset.name, len(missing), len(names), shown)

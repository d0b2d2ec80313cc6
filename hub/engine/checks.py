"""Checks before the first step."""

from __future__ import annotations

from collections.abc import Sequence

from hub.contract.dataset import Dataset
from hub.data.tools.learnable import check_learnable, warn_if_nothing_to_score
from hub.engine.evaluation import check_labels, scored_on
from hub.engine.train_batches import has_targets_for
from hub.model import Model


def check_data(model: Model, train_data: Sequence[Dataset], val_data: Sequence[Dataset]) -> None:
    """Refuse data that the heads cannot learn from or be evaluated on.

    Raises:
        DataError: the message names the data and the head.
    """
    for data, names in scored_on(model, val_data) if val_data else []:
        for name, head in model.items():
            if name in names:
                check_labels(name, head, data)
                head.check_dataset(data)
        warn_if_nothing_to_score(data)
    for data in train_data:
        if any(head.labels_from == "instances" for _, head in model.items()):
            check_learnable(data)
        for _, head in model.items():
            if len(train_data) == 1 or has_targets_for(head, data):
                head.check_dataset(data)

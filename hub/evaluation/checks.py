"""Checks of datasets and results that several metrics share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from hub.contract.results import Result
from hub.errors import ContractError, DataError
from hub.labels import LabelSpace

if TYPE_CHECKING:
    from hub.contract.dataset import Dataset

R = TypeVar("R", bound=Result)


def target_labels(dataset: Dataset, name: str) -> LabelSpace:
    """Return the label space of a map or tag.

    Raises:
        DataError: the dataset has no such map or tag.
    """
    if name not in dataset.provides or name not in dataset.label_spaces:
        raise DataError(f"{dataset.name} has no {name!r} to score against", fix="evaluate on a dataset that has it")
    return dataset.label_spaces[name]


def image_index(result: Result, images: Mapping[int | str, int], name: str) -> int:
    """Return the index of a result's image in its dataset.

    Args:
        result: of one image.
        images: image id → index.
        name: of the dataset, for the message.

    Raises:
        DataError: the image does not belong to this dataset.
    """
    if result.image_id not in images:
        raise DataError(f"{name} has no image {result.image_id!r}", fix="evaluate results for images of this dataset")
    return images[result.image_id]


def expect_result(result: Result, kind: type[R]) -> R:
    """Return the result if it is an instance of ``kind``.

    Raises:
        ContractError: it is not.
    """
    if not isinstance(result, kind):
        raise ContractError(
            f"the result for image {result.image_id!r} is a {type(result).__name__}, not a {kind.__name__}",
            fix=f"return hub.{kind.__name__} from the head's results()",
        )
    return result


def nan_mean(values: Iterable[float]) -> float:
    """Return the mean of the values that are not NaN, or NaN if there are none.

    >>> nan_mean([1.0, float("nan"), 2.0])
    1.5
    """
    defined = [value for value in values if not math.isnan(value)]
    return float(sum(defined) / len(defined)) if defined else math.nan

"""What several metrics ask of a dataset and of the results that they are given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from hub.contract.results import Result
from hub.errors import ContractError, DataError
from hub.labels import LabelSpace

if TYPE_CHECKING:
    from hub.contract.dataset import Dataset

R = TypeVar("R", bound=Result)


def labels_of(dataset: Dataset, name: str) -> LabelSpace:
    """The labels of a dataset's map or tag.

    Raises:
        DataError: it has no such map or tag.
    """
    if name not in dataset.provides or name not in dataset.label_spaces:
        raise DataError(f"{dataset.name} has no {name!r} to score against", fix="evaluate on data that provide it")
    return dataset.label_spaces[name]


def index_of(result: Result, images: Mapping[int | str, int], name: str) -> int:
    """The place of a result's image in its dataset.

    Raises:
        DataError: the image is not of this dataset.
    """
    if result.image_id not in images:
        raise DataError(f"{name} has no image {result.image_id!r}", fix="evaluate results of this dataset's images")
    return images[result.image_id]


def of_kind(result: Result, kind: type[R]) -> R:
    """The result, if it is of the kind that a metric scores.

    Raises:
        ContractError: it is not.
    """
    if not isinstance(result, kind):
        raise ContractError(
            f"the result for image {result.image_id!r} is a {type(result).__name__}, not a {kind.__name__}",
            fix=f"let the head's results() give hub.{kind.__name__}",
        )
    return result


def mean_defined(values: Sequence[float]) -> float:
    """The mean of those that are not NaN; NaN where all are.

    >>> mean_defined([1.0, float("nan"), 2.0])
    1.5
    """
    defined = [value for value in values if not math.isnan(value)]
    return float(sum(defined) / len(defined)) if defined else math.nan

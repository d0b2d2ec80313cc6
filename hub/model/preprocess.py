"""Choose the preprocessing of a model from its weights, its heads and the options."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, cast

from hub.contract.head import Head
from hub.errors import OptionError
from hub.preprocessing import Preprocessing


def resolve_preprocessing(
    preprocessing: Preprocessing, heads: Mapping[str, Head], *, given: str, free: Collection[str] = ()
) -> Preprocessing:
    """Return the preprocessing with the values that heads require.

    Args:
        preprocessing: preprocessing to start from.
        heads: heads by name.
        given: where its values come from, for the message.
        free: fields that have not been chosen yet.

    Raises:
        OptionError: two heads require different values, or a head requires a value that differs from the given one.
    """
    chosen: dict[str, tuple[str, object]] = {
        field: (given, value) for field, value in vars(preprocessing).items() if field not in free
    }
    for task, head in heads.items():
        for field, value in head.required_preprocessing(head.options).items():
            source, other = chosen.setdefault(field, (task, value))
            if other != value:
                raise OptionError(
                    f"{task} needs images with {field} {value}, but {field} is {other} for {source}",
                    fix="train them as two models, or give the heads options that agree",
                )
    values = {field: value for field, (_, value) in chosen.items()}
    return replace(preprocessing, **cast(dict[str, Any], values))

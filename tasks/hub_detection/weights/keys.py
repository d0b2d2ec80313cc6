"""Rename the keys of a foreign state dict, by patterns."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from hub.errors import CheckpointMismatchError

PARAMETER = r"(weight|bias)"
TENSOR = r"(weight|bias|running_mean|running_var|num_batches_tracked)"
Patterns = Sequence[tuple[str, str]]


class Renamed(NamedTuple):
    """Tensors under new keys.

    Attributes:
        tensors: new key → tensor, floating ones in float32.
        keys: old key → new key.
        ignored: old keys that are not needed.
    """

    tensors: dict[str, Tensor]
    keys: dict[str, str]
    ignored: list[str]


def rename_keys(
    state_dict: Mapping[str, Tensor],
    patterns: Patterns,
    *,
    required: Collection[str],
    family: str,
    ignored: Sequence[str] = (),
) -> Renamed:
    """Return the weights under new keys.

    Args:
        state_dict: the source's.
        patterns: (the source's key as a pattern, the new key); the first that matches is used.
        required: new keys that must be found.
        family: name of the models, for the message.
        ignored: patterns of the source's keys that are not needed.

    Raises:
        CheckpointMismatchError: a key matches no pattern, or a required one is missing.
    """
    renamed = Renamed({}, {}, [])
    for key, value in state_dict.items():
        if any(re.fullmatch(pattern, key) for pattern in ignored):
            renamed.ignored.append(key)
            continue
        for pattern, ours in patterns:
            if match := re.fullmatch(pattern, key):
                renamed.keys[key] = new = match.expand(ours)
                renamed.tensors[new] = value.float() if value.is_floating_point() else value
                break
        else:
            raise CheckpointMismatchError(f"{key!r} is not a weight of {family}", fix="convert only such weights")
    if missing := sorted(set(required) - renamed.tensors.keys()):
        raise CheckpointMismatchError(
            f"the weights lack what becomes {missing[0]!r}", fix="use a whole state dict of such a model"
        )
    return renamed


def add_batch_counters(tensors: dict[str, Tensor]) -> None:
    """Add the counters of batch norms that the source did not count for, in place."""
    for key in [key for key in tensors if key.endswith(".running_var")]:
        tensors.setdefault(key.replace("running_var", "num_batches_tracked"), torch.tensor(0))


def flatten_rows_columns_channels(weight: Tensor, channels: int) -> Tensor:
    """Reorder the columns of a layer on flattened RoIs from (channels, rows, columns) to (rows, columns, channels).

    Args:
        weight: (out, channels · size²).
        channels: of the pooled features.
    """
    size = round((weight.shape[1] / channels) ** 0.5)
    return weight.view(-1, channels, size, size).permute(0, 2, 3, 1).flatten(1).contiguous()


def count_keys(keys: Collection[str], pattern: str, *, start: int = 0) -> int:
    """Return how many consecutive numbers from ``start`` give a key.

    >>> count_keys({"fc6.weight", "fc7.weight"}, "fc{}.weight", start=6)
    2
    """
    number = start
    while pattern.format(number) in keys:
        number += 1
    return number - start

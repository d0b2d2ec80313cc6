"""Losses by name, for heads whose options name them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from torch import Tensor

from hub.errors import UnknownNameError, did_you_mean
from hub.registry import entries, find
from hub.spec import LossSpec

Loss = Callable[[Tensor, Tensor], Tensor]
"""From predictions and targets to a loss; see `hub.LossSpec` for their shapes."""


def find_loss(name: str) -> Loss:
    """Return the loss of this name; see `hub.LossSpec`.

    Raises:
        UnknownNameError, BrokenPluginError: no plugin registers it, or that plugin is broken.
    """
    return cast(Loss, find("losses", name).target())


def check_losses(names: Iterable[str], *, kind: str) -> None:
    """Raise a `ValueError`, as validators of options do, if a head of this kind cannot use a loss.

    Args:
        names: names of losses.
        kind: kind of the head, one of those in `hub.LossSpec`.

    >>> check_losses(["cross_entropy", "dise"], kind="semantic")
    Traceback (most recent call last):
    ValueError: unknown loss 'dise'. Did you mean dice? Choose from cross_entropy, dice, ...
    """
    for name in names:
        try:
            spec = find("losses", name).spec()
        except UnknownNameError:
            spec = None
        if not (isinstance(spec, LossSpec) and kind in spec.kinds):
            known = [entry.name for entry in entries("losses") if _suits(entry.spec(), kind)]
            what = "unknown loss" if spec is None else f"not a loss of a {kind} head:"
            raise ValueError(f"{what} {name!r}.{did_you_mean(name, known)} Choose from {', '.join(known)}")


def _suits(spec: object, kind: str) -> bool:
    return isinstance(spec, LossSpec) and kind in spec.kinds

"""Check with a dry run that a neck keeps its contract: wrong strides would place every box at the wrong size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hub.errors import ContractError


def check_neck(
    neck: nn.Module, shapes: Mapping[str, Sequence[int]], size: tuple[int, int], levels: Sequence[str], *, owner: str
) -> None:
    """Run a neck once on zeros and compare its output with what it declares.

    Args:
        neck: has ``channels`` and ``strides``, mappings of levels.
        shapes: backbone level → shape of its features for an image of ``size``.
        size: (height, width) in pixels.
        levels: that the neck was asked for.
        owner: names the neck in messages.

    Raises:
        ContractError: the neck fails, changes its input, or returns other levels, channels or strides than declared.
    """
    given = {level: torch.zeros(tuple(shape)) for level, shape in shapes.items()}
    passed = dict(given)
    was_training = neck.training
    neck.eval()
    try:
        with torch.no_grad():
            found = neck(passed)
    except Exception as error:
        raise ContractError(
            f"{owner} fails on the features of the backbone: {type(error).__name__}: {error}",
            fix="let forward(features) take a mapping level → (B, C, H, W)",
        ) from error
    finally:
        neck.train(was_training)
    if passed.keys() != given.keys() or any(passed[level] is not given[level] for level in given):
        raise ContractError(f"{owner} changes the features that it is given", fix="return a new dict")
    if any(bool(tensor.any()) for tensor in given.values()):
        raise ContractError(f"{owner} changes the features of the backbone in place", fix="compute new tensors")
    if not isinstance(found, Mapping):
        raise ContractError(f"{owner} returned a {type(found).__name__}", fix="return a dict level → features")
    channels, strides = neck.channels, neck.strides
    assert isinstance(channels, Mapping)  # checked when it was built
    assert isinstance(strides, Mapping)
    for level in levels:
        for what, declared in (("channels", channels), ("strides", strides)):
            if level not in declared:
                raise ContractError(f"{owner} declares no {what} for {level}", fix=f"add it to self.{what}")
        features = found.get(level)
        if not isinstance(features, Tensor) or features.ndim < 4:
            raise ContractError(
                f"{owner} returned no feature map for {level}, only {', '.join(map(str, found)) or 'nothing'}",
                fix="return every level that was asked for, each (B, C, H, W)",
            )
        _check_level(features, level, channels[level], strides[level], size, owner)


def _check_level(features: Tensor, level: str, channels: int, stride: int, size: tuple[int, int], owner: str) -> None:
    if features.shape[1] != channels:
        raise ContractError(
            f"{owner} declares {channels} channels for {level}, but returned {features.shape[1]}",
            fix="correct self.channels, or the layers",
        )
    height, width = features.shape[-2:]
    expected = tuple(-(-side // stride) for side in size)
    if (height, width) != expected:
        raise ContractError(
            f"{owner} declares the stride {stride} for {level}, but returned {height}×{width} for an image of "
            f"{size[0]}×{size[1]}, where that stride gives {expected[0]}×{expected[1]}",
            fix="correct self.strides, or the layers: heads place boxes by the stride",
        )

"""Whether an inflated network computes on a constant volume what it computed on one slice, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from hub.errors import ContractError
from hub_medical.backbones.folded import can_fold

SIDE = 64  # pixels
DEPTH = 3  # slices; odd, so that rounding is tried too
TOLERANCE = 1e-3  # of the largest value: other kernels add up in another order


def whole_layers(net: nn.Module, path: str = "") -> list[tuple[str, nn.Module]]:
    """The layers that are inflated or checked as one, with their names; nothing within them is checked."""
    children = list(net.named_children())
    if can_fold(net) or not children:
        return [(path, net)]
    return [found for name, child in children for found in whole_layers(child, f"{path}.{name}" if path else name)]


@dataclass
class Calls:
    """What went into and out of the layers of a network when it was run once on an image.

    Attributes:
        image: (1, C, `SIDE`, `SIDE`) that it was run on.
        maps: layer → (input, output) of each of its calls, maps only.
        steps: layer → how often height and width were halved before it.
        outputs: of the network.
    """

    image: Tensor
    maps: dict[str, list[tuple[Tensor, Tensor]]] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    outputs: list[Tensor] = field(default_factory=list)


def record_calls(net: nn.Module, in_chans: int, *, name: str) -> Calls:
    """Run a network of images once, in eval mode, on noise.

    Raises:
        ContractError: it does not take an image of `SIDE` × `SIDE`.
    """
    image = torch.rand(1, in_chans, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    calls = Calls(image)
    pending: dict[str, Tensor] = {}

    def before(path: str, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs and _is_map(inputs[0], 4):
            pending[path] = inputs[0].clone()  # activations work in place
            calls.steps.setdefault(path, round(math.log2(SIDE / inputs[0].shape[2])))

    def after(path: str, module: nn.Module, output: Any) -> None:
        if _is_map(output, 4) and path in pending:
            calls.maps.setdefault(path, []).append((pending.pop(path), output.clone()))

    with _watched(net, before, after):
        try:
            outputs = net(image)
        except Exception as error:  # each network has words of its own
            raise _refused(name, "", net, f"it takes no image of {SIDE} × {SIDE} pixels: {_line(error)}") from error
    calls.outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    return calls


def check_inflation(net: nn.Module, calls: Calls, *, name: str) -> None:
    """Compare with what was recorded before the network was inflated.

    Raises:
        ContractError: names the first layer that differs.
    """
    left = {path: iter(maps) for path, maps in calls.maps.items()}
    expected: dict[str, Tensor] = {}
    place = ["", net]

    def before(path: str, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        place[:] = [path, module]
        pair = next(left.get(path, iter(())), None)
        if pair is None:
            return
        expected[path] = pair[1]
        if not _same(inputs[0], pair[0]):
            parent = path.rpartition(".")[0]
            raise _refused(name, parent, net.get_submodule(parent), "what it computes between its layers differs")

    def after(path: str, module: nn.Module, output: Any) -> None:
        if path in expected and not _same(output, expected.pop(path)):
            raise _refused(name, path, module, "its output for a constant volume is not that for a slice")

    volume = calls.image.unsqueeze(2).repeat(1, 1, DEPTH, 1, 1)
    with _watched(net, before, after):
        try:
            outputs = net(volume)
        except ContractError:
            raise
        except Exception as error:  # layers for images fail on volumes in many ways
            raise _refused(name, str(place[0]), place[1], _line(error)) from error
    found = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    if not all(_same(a, b) for a, b in zip(found, calls.outputs, strict=True)):
        raise _refused(name, "", net, "what it computes after its last layer differs")


def _refused(name: str, path: str, layer: Any, why: str) -> ContractError:
    where = f"its layer {path} ({type(layer).__name__})" if path else "the network itself"
    return ContractError(
        f"{name} cannot become three-dimensional: {where}: {why}",
        fix="choose one of plain convolutions, pooling, batch norm and squeeze-and-excitation, such as resnet50",
    )


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _is_map(value: Any, ndim: int) -> bool:
    return isinstance(value, Tensor) and value.ndim == ndim


def _same(volume: Any, image: Tensor) -> bool:
    """Whether every slice of (1, C, D, H, W) is the image."""
    if not _is_map(volume, 5) or volume[:, :, 0].shape != image.shape or volume.shape[2] > DEPTH:
        return False
    return float((volume - image.unsqueeze(2)).abs().max()) <= TOLERANCE * (1 + float(image.abs().max()))


@contextmanager
def _watched(net: nn.Module, before: Any, after: Any) -> Iterator[None]:
    """The network in eval mode, ``before`` and ``after`` called around every layer that is checked as one."""
    hooks = []
    for path, module in whole_layers(net):
        hooks.append(module.register_forward_pre_hook(lambda m, x, path=path: before(path, m, x)))
        hooks.append(module.register_forward_hook(lambda m, x, y, path=path: after(path, m, y)))
    training = net.training
    try:
        with torch.no_grad():
            net.eval()
            yield
    finally:
        for hook in hooks:
            hook.remove()
        net.train(training)

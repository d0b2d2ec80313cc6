"""Replace the batch normalization of an existing network: frozen, group, or synchronized."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from hub.errors import OptionError, did_you_mean

NORMS = ("batch", "frozen", "group", "sync")


def set_norm(module: nn.Module, norm: str, *, pooled: Collection[nn.Module] = ()) -> nn.Module:
    """Replace every batch normalization in ``module``.

    Args:
        module: changed in place.
        norm: ``"batch"`` changes nothing; ``"frozen"`` fixes statistics and affine parameters (the layer stays a
            batch norm in eval mode, with one fused pass and the same state dict); ``"group"`` is `nn.GroupNorm`
            with at most 32 groups (Wu and He 2018, https://arxiv.org/abs/1803.08494); ``"sync"`` shares statistics
            between processes.
        pooled: layers that normalize pooled vectors (B, C, 1, 1), see `pooled_norms`. Their group norm has one group:
            a group of one value would always be zero.

    Returns:
        The module, or its replacement if it is a normalization layer itself.

    Raises:
        OptionError: unknown norm.

    >>> set_norm(nn.Sequential(nn.Conv2d(3, 48, 1), nn.BatchNorm2d(48)), "group")[1].num_groups
    24
    """
    if norm not in NORMS:
        raise OptionError(f"unknown norm {norm!r}.{did_you_mean(norm, NORMS)}", fix=f"choose {', '.join(NORMS)}")
    if norm == "frozen":
        for layer in module.modules():
            if isinstance(layer, _BatchNorm):
                layer.requires_grad_(False)
                layer.eval()
    elif norm == "group":
        return _replace(module, lambda layer: _group_norm(layer, one_group=layer in pooled))
    elif norm == "sync":
        from timm.layers import convert_sync_batchnorm

        converted: nn.Module = convert_sync_batchnorm(module)
        return converted
    return module


def make_norm(norm: str, channels: int) -> nn.Module:
    """Return a new normalization layer; see `set_norm` for the kinds."""
    return set_norm(nn.BatchNorm2d(channels), norm)


def pooled_norms(module: nn.Module, *, in_chans: int, size: tuple[int, int]) -> frozenset[nn.Module]:
    """Return the batch norms that see vectors (B, C, 1, 1) when an image of this size passes: those of attention.

    Args:
        module: maps (1, in_chans, H, W) to anything.
        in_chans: channels of the image.
        size: (height, width) in pixels.
    """
    found: set[nn.Module] = set()

    def note(layer: nn.Module, args: tuple[Tensor, ...]) -> None:
        if args[0].ndim < 4 or all(side == 1 for side in args[0].shape[2:]):
            found.add(layer)

    hooks = [m.register_forward_pre_hook(note) for m in module.modules() if isinstance(m, _BatchNorm)]
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            module(torch.zeros(1, in_chans, *size))
    finally:
        module.train(was_training)
        for hook in hooks:
            hook.remove()
    return frozenset(found)


def frozen_norms(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the batch norms whose parameters are all frozen: they must stay in eval mode."""
    for layer in module.modules():
        if isinstance(layer, _BatchNorm):
            parameters = list(layer.parameters(recurse=False))
            if parameters and not any(p.requires_grad for p in parameters):
                yield layer


def _group_norm(layer: _BatchNorm, *, one_group: bool = False) -> nn.Module:
    groups = 1 if one_group else max(g for g in range(1, 33) if layer.num_features % g == 0)
    new: nn.Module
    if hasattr(layer, "act"):  # timm's norm and activation in one layer
        from timm.layers import GroupNormAct

        new = GroupNormAct(layer.num_features, num_groups=groups, eps=layer.eps, apply_act=False)
        new.act, new.drop = layer.act, getattr(layer, "drop", nn.Identity())
    else:
        new = nn.GroupNorm(groups, layer.num_features, eps=layer.eps)
    new.load_state_dict({k: v for k, v in layer.state_dict().items() if k in ("weight", "bias")}, strict=False)
    return new


def _replace(module: nn.Module, make: Callable[[_BatchNorm], nn.Module]) -> nn.Module:
    if isinstance(module, _BatchNorm):
        return make(module)
    for name, child in module.named_children():
        new = _replace(child, make)
        if new is not child:
            module.add_module(name, new)
    return module

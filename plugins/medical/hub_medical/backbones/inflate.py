"""From a 2D network to a 3D one with its weights: kernels repeated along depth.

Reference: Carreira and Zisserman, Quo Vadis, Action Recognition?, 2017 (https://arxiv.org/abs/1705.07750), section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hub_medical.backbones.folded import can_fold, fold
from hub_medical.backbones.inflation_check import check_inflation, record_calls, whole_layers


def inflate(
    net: nn.Module,
    *,
    in_chans: int = 3,
    depth_kernel: int | None = None,
    depth_strides: Sequence[int] = (2, 2, 2, 2, 2),
    name: str = "the network",
) -> nn.Module:
    """Make a network of images one of volumes, in place.

    On a volume that is constant along depth, everything it computes is what it computed on one slice: kernels are
    divided by their depth, and depth is padded with the outermost slices, not with zeros. This is checked: a network
    with a layer that cannot be inflated is refused. Keys of the state dict stay.

    Args:
        net: maps (B, in_chans, H, W) to a list of maps; its input then is (B, in_chans, D, H, W).
        in_chans: of its input.
        depth_kernel: largest extent of a kernel along depth; by default as along height and width, 1 keeps all flat.
        depth_strides: for each halving of height and width, the first one first, by what depth is divided there:
            2, or 1 where slices are thick. Depth is rounded up.
        name: of the network, for messages.

    Returns:
        The network itself.

    Raises:
        ContractError: names the first layer that does not give in 3D what it gave in 2D.

    >>> net = inflate(nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4)), in_chans=1)
    >>> net(torch.zeros(1, 1, 5, 8, 8)).shape
    torch.Size([1, 4, 3, 4, 4])
    """
    calls = record_calls(net, in_chans, name=name)
    for path, layer in whole_layers(net):
        if can_fold(layer):
            fold(layer)
            continue
        step = calls.steps.get(path, 0)
        new = _inflated(layer, depth_kernel, partial(_depth_stride, step=step, strides=depth_strides))
        if new is layer:
            continue
        parent, _, child = path.rpartition(".")
        if path:
            net.get_submodule(parent).add_module(child, new)
        else:
            net = new
    check_inflation(net, calls, name=name)
    return net


class InflatedConv(nn.Conv3d):
    """A convolution with the outermost slices repeated beyond both ends."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) to (B, C', ⌈D / stride⌉, H', W')."""
        return super().forward(pad_depth(x, _first(self.kernel_size), _first(self.stride), _first(self.dilation)))


class InflatedMaxPool(nn.MaxPool3d):
    """Max pooling, as `InflatedConv`."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) to (B, C, ⌈D / stride⌉, H', W')."""
        out: Tensor = super().forward(
            pad_depth(x, _first(self.kernel_size), _first(self.stride), _first(self.dilation))
        )
        return out


class InflatedAvgPool(nn.AvgPool3d):
    """Average pooling, as `InflatedConv`."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) to (B, C, ⌈D / stride⌉, H', W')."""
        return super().forward(pad_depth(x, _first(self.kernel_size), _first(self.stride)))


def pad_depth(x: Tensor, kernel: int, stride: int, dilation: int = 1) -> Tensor:
    """Repeat the outermost slices, so that a kernel of this extent gives ⌈D / stride⌉ slices.

    An odd kernel lies over every stride-th slice, an even one as low as its stride lets it.

    Args:
        x: (B, C, D, H, W).
        kernel, stride, dilation: along depth.

    >>> pad_depth(torch.arange(3.0).view(1, 1, 3, 1, 1), kernel=3, stride=2).flatten().tolist()
    [0.0, 0.0, 1.0, 2.0, 2.0]
    """
    depth, extent = x.shape[2], dilation * (kernel - 1) + 1
    before = (extent - 1) // 2 if kernel % 2 else max(0, extent - stride) // 2
    after = (math.ceil(depth / stride) - 1) * stride + extent - depth - before
    ends = ((before, x[:, :, :1]), (after, x[:, :, -1:]))
    first, last = (end.expand(-1, -1, max(0, count), -1, -1) for count, end in ends)
    # Not F.pad: its gradient differs from run to run on a GPU.
    return torch.cat([first, x, last], 2) if before > 0 or after > 0 else x


def _inflated(layer: nn.Module, limit: int | None, depth_stride: Callable[[int], int]) -> nn.Module:
    """The layer of volumes in place of one of images, or the layer itself where there is nothing to do."""
    if type(layer) is nn.Conv2d and layer.padding_mode == "zeros" and not isinstance(layer.padding, str):
        return _inflated_conv(layer, limit, depth_stride)
    if type(layer) is nn.MaxPool2d or type(layer) is nn.AvgPool2d:
        kernel, stride, padding = (_pair(v) for v in (layer.kernel_size, layer.stride, layer.padding))
        along = depth_stride(min(stride))
        depth = _kernel(min(kernel), along, limit)
        shape: dict[str, Any] = {
            "kernel_size": (depth, *kernel),
            "stride": (along, *stride),
            "padding": (0, *padding),
            "ceil_mode": layer.ceil_mode,
        }
        if isinstance(layer, nn.MaxPool2d):
            dilation = _pair(layer.dilation)
            return InflatedMaxPool(**shape, dilation=(min(dilation), *dilation))
        divisor = layer.divisor_override
        return InflatedAvgPool(
            **shape,
            count_include_pad=layer.count_include_pad,
            divisor_override=None if divisor is None else divisor * depth,
        )
    return layer


def _inflated_conv(layer: nn.Conv2d, limit: int | None, depth_stride: Callable[[int], int]) -> InflatedConv:
    along = depth_stride(min(layer.stride))
    depth = _kernel(min(layer.kernel_size), along, limit)
    new = InflatedConv(
        layer.in_channels,
        layer.out_channels,
        (depth, *_pair(layer.kernel_size)),
        stride=(along, *_pair(layer.stride)),
        padding=(0, *_pair(layer.padding)),
        dilation=(min(layer.dilation), *_pair(layer.dilation)),
        groups=layer.groups,
        bias=layer.bias is not None,
        device="meta",  # its parameters come from the layer
    )
    repeated = layer.weight.detach().unsqueeze(2).repeat(1, 1, depth, 1, 1) / depth
    new.weight = nn.Parameter(repeated, requires_grad=layer.weight.requires_grad)
    new.bias = layer.bias
    return new.train(layer.training)


def _kernel(size: int, stride: int, limit: int | None) -> int:
    """Extent along depth; what neither overlaps nor strides there does not mix slices."""
    if size % 2 == 0 and stride == 1:
        return 1
    return size if limit is None else min(size, limit)


def _depth_stride(stride: int, step: int, strides: Sequence[int]) -> int:
    """The stride along depth of a layer of this stride that follows ``step`` halvings."""
    halvings = round(math.log2(stride))
    return math.prod((*strides, *[2] * 8)[step : step + halvings])


def _first(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))

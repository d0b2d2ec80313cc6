"""The memory format of weights."""

from __future__ import annotations

import torch
from torch import nn


def channels_last(module: nn.Module) -> None:
    """Convert the weights of 2D convolutions, (O, I, H, W), to the channels_last memory format, in place.

    The weights of 3D convolutions, (O, I, D, H, W), are not changed.

    >>> conv = nn.Conv2d(8, 8, 3)
    >>> channels_last(nn.Sequential(conv, nn.Conv3d(8, 8, 3)))
    >>> conv.weight.is_contiguous(memory_format=torch.channels_last)
    True
    """
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.ndim == 4:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)

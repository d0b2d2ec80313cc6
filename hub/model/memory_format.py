"""How weights lie in memory."""

from __future__ import annotations

import torch
from torch import nn


def channels_last(module: nn.Module) -> None:
    """Bring the weights of convolutions of images, (O, I, H, W), into channels_last layout, in place.

    Those of volumes, (O, I, D, H, W), stay as they are.

    >>> conv = nn.Conv2d(8, 8, 3)
    >>> channels_last(nn.Sequential(conv, nn.Conv3d(8, 8, 3)))
    >>> conv.weight.is_contiguous(memory_format=torch.channels_last)
    True
    """
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.ndim == 4:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)

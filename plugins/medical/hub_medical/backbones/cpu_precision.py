"""The precision in which volumes can be learned on a CPU."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

LARGEST = 64  # pixels, of maps that are learned in bfloat16


def volume_precision(x: Tensor) -> AbstractContextManager[object]:
    """Return a context that computes large volumes in float32 where their gradient would be taken on a CPU.

    oneDNN's bfloat16 weight gradient of 3D convolutions corrupts memory for maps about 100 pixels wide or more (seen in
    PyTorch 2.14 on a CPU with AMX, with and without threads; 2D convolutions and float32 are right).

    Args:
        x: (B, C, D, H, W), or (B, D · C, H, W).
    """
    large = max(x.shape[-2:]) > LARGEST
    if x.device.type == "cpu" and large and torch.is_grad_enabled():
        return torch.autocast("cpu", enabled=False)
    return nullcontext()

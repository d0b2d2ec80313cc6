"""The number format of a computation, chosen by what the hardware supports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import OptionError

if TYPE_CHECKING:
    import torch

__all__ = [
    "PRECISIONS",
    "autocast",
    "has_bf16",
    "precision_name",
]

PRECISIONS = ("auto", "bf16", "fp32")
"""The precisions that `autocast` accepts."""


def has_bf16(device: torch.device) -> bool:
    """Return whether the device multiplies bfloat16 in hardware: otherwise emulation makes it slower than float32."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False


def autocast(device: torch.device, precision: str = "auto") -> torch.autocast:
    """Return a context in which convolutions and matrix products run in the precision asked for.

    Args:
        device: where the model is.
        precision: ``"auto"`` is bfloat16 if the hardware supports it, else float32; or ``"bf16"`` or ``"fp32"``.

    Raises:
        OptionError: an unknown precision.
    """
    import torch

    if precision not in PRECISIONS:
        raise OptionError(f"unknown precision {precision!r}", fix=f"one of {', '.join(PRECISIONS)}")
    use = precision == "bf16" or (precision == "auto" and has_bf16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=use)


def precision_name(device: torch.device, precision: str = "auto") -> str:
    """Return what `autocast` uses, for the log.

    >>> import torch
    >>> precision_name(torch.device("cpu"), "bf16")
    'bf16 autocast'
    """
    return "bf16 autocast" if precision == "bf16" or (precision == "auto" and has_bf16(device)) else "fp32"

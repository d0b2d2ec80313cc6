"""One way to derive seeds: everything random is a function of the run's seed and of what it is for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager


def derive_seed(seed: int, stream: str, *numbers: int) -> int:
    """An independent seed for one use of randomness.

    Args:
        seed: of the run.
        stream: what the randomness is for, such as ``"augment"``; streams never share seeds.
        numbers: which one of them, such as epoch and index.

    Returns:
        An integer from 0 to 2**63 − 1, the same on every machine and in every process.

    >>> derive_seed(0, "augment", 1, 2) == derive_seed(0, "augment", 1, 2)
    True
    >>> derive_seed(0, "augment", 1, 2) == derive_seed(0, "augment", 2, 1)
    False
    """
    text = "/".join([stream, *(str(int(number)) for number in (seed, *numbers))])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


@contextmanager
def isolated_rng(seed: int, stream: str, *numbers: int) -> Iterator[None]:
    """Let torch draw from a generator of this block's own; what stands outside draws on as if the block were not.

    So a part of a model starts, and learns, the same whatever other parts stand beside it.

    Args:
        seed, stream, numbers: as for `derive_seed`.

    >>> import torch
    >>> with isolated_rng(0, "head"):
    ...     first = torch.rand(1)
    >>> with isolated_rng(0, "head"):
    ...     bool(first == torch.rand(1))
    True
    """
    import torch

    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(derive_seed(seed, stream, *numbers))
        yield


def draw_seed() -> int:
    """A seed from torch's default generator: it follows from ``torch.manual_seed``, and another call gives another."""
    import torch

    return int(torch.randint(2**62, ()))

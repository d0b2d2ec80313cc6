"""Derive all seeds from the seed of the run and the purpose of the random numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager


def derive_seed(seed: int, stream: str, *numbers: int) -> int:
    """Return an independent seed for one use of random numbers.

    Args:
        seed: seed of the run.
        stream: purpose of the random numbers, such as ``"augment"``; streams never share seeds.
        numbers: further numbers that select a seed, such as epoch and index.

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
    """Seed torch's default generator within a block, and restore its state afterwards.

    So the initialization and training of a part of a model do not depend on the other parts.

    Args:
        seed, stream, numbers: see `derive_seed`.

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
    """Draw a seed from torch's default generator, so that ``torch.manual_seed`` determines it."""
    import torch

    return int(torch.randint(2**62, ()))

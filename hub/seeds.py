"""One way to derive seeds: everything random is a function of the run's seed and of what it is for."""

from __future__ import annotations

import hashlib


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

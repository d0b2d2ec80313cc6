"""Sum the runs of many compressed run-length encodings at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_CHUNK = 1 << 18  # characters decoded together: what fits into the cache


def rle_totals(strings: Sequence[bytes]) -> np.ndarray:
    """Return the sum of the runs of each of N compressed RLEs, (N,) int64; −1 where a run is negative.

    A run is a signed number in groups of five bits, lowest first, as characters from "0"; bit 0x20 means that more
    follow. From the fourth on it is the difference to the run two before (pycocotools' ``rleFrString``).

    >>> from pycocotools import mask as coco_mask
    >>> rle = coco_mask.frPyObjects({"size": [3, 5], "counts": [2, 4, 9]}, 3, 5)
    >>> rle_totals([rle["counts"], b"oa", b""]).tolist()
    [15, -1, 0]
    """
    chunks: list[list[bytes]] = [[]]
    held = 0
    for string in strings:
        if held > _CHUNK:
            chunks.append([])
            held = 0
        chunks[-1].append(string)
        held += len(string)
    return np.concatenate([_totals(chunk) for chunk in chunks])


def _totals(strings: Sequence[bytes]) -> np.ndarray:
    totals = np.zeros(len(strings), np.int64)
    groups = np.frombuffer(b"".join(strings), np.uint8).astype(np.int64) - 48
    if not len(groups):
        return totals
    lengths = np.fromiter(map(len, strings), np.int64, len(strings))
    ends = (groups & 0x20) == 0
    owner = np.repeat(np.arange(len(strings)), lengths)
    ends[np.cumsum(lengths[lengths > 0]) - 1] = True  # the last group of a truncated RLE ends with its string
    last = np.flatnonzero(ends)
    first = np.concatenate([[0], last[:-1] + 1])
    place = np.arange(len(groups)) - np.repeat(first, last - first + 1)
    values = np.add.reduceat((groups & 0x1F) << (5 * np.minimum(place, 11)), first)
    widths = 5 * np.minimum(last - first + 1, 12)
    values = np.where(groups[last] & 0x10, values - (1 << widths), values)
    # Undo the differences: a cumulative sum over every other run of each string; the first run is not a difference.
    whose = owner[last]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(whose)) + 1])
    index = np.arange(len(values)) - np.repeat(starts, np.diff(np.append(starts, len(values))))
    runs = values.copy()
    for parity in (0, 1):
        rows = np.flatnonzero((index % 2 == parity) & (index > 0))
        if len(rows):
            sums = np.cumsum(values[rows])
            begins = np.concatenate([[0], np.flatnonzero(np.diff(whose[rows])) + 1])
            before = np.repeat(sums[begins] - values[rows][begins], np.diff(np.append(begins, len(rows))))
            runs[rows] = sums - before
    np.add.at(totals, whose, runs)
    totals[whose[runs < 0]] = -1
    return totals

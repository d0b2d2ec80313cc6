"""Speed of training, and the fraction of time spent waiting for data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class SpeedMeter:
    """Count images and time since the last `read` or `reset`."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start again: evaluation is not training time."""
        self._images, self._waited, self._began = 0, 0.0, time.perf_counter()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time inside the ``with`` block as waiting for data."""
        began = time.perf_counter()
        yield
        self._waited += time.perf_counter() - began

    def add(self, images: int) -> None:
        """Count the images of a step."""
        self._images += images

    def read(self) -> tuple[float, float]:
        """Return images per second and the fraction of the time spent waiting, and start again."""
        elapsed = max(time.perf_counter() - self._began, 1e-9)
        values = self._images / elapsed, self._waited / elapsed
        self.reset()
        return values

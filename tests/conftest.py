"""Fixtures that many tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# A slow moment of the machine is no failure. Hypothesis has a profile of its own for CI.
settings.register_profile("local", deadline=None)
if not os.environ.get("CI"):
    settings.load_profile("local")


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Return a function from the name of a real dataset to its folder; it skips the test if the folder is missing.

    The datasets are expected in ``$HUB_SHARED_DATA``, or in ``../shared/data`` beside the checkout.
    """
    root = Path(os.environ.get("HUB_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")

    def find(name: str) -> Path:
        if not (root / name).is_dir():
            pytest.skip(f"the real dataset {name!r} is not available: set HUB_SHARED_DATA")
        return root / name

    return find

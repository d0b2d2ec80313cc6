"""Fixtures that many tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Call with a name for the folder of a real data set; skips the test where it is absent.

    It is looked for in ``$HUB_SHARED_DATA`` and in ``../shared/data`` beside the checkout.
    """
    root = Path(os.environ.get("HUB_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")

    def find(name: str) -> Path:
        if not (root / name).is_dir():
            pytest.skip(f"no real data {name!r}: put it beside the checkout or set HUB_SHARED_DATA")
        return root / name

    return find

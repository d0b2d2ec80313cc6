"""The device of the tests in this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def device() -> Iterator[torch.device]:
    """Return the GPU, with convolutions in full float32; skip the test if there is none.

    ``HUB_TEST_DEVICE=cpu`` rehearses the tests on a CPU.
    """
    found = torch.device(os.environ.get("HUB_TEST_DEVICE", "cuda"))
    if found.type == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield found
    torch.backends.cudnn.allow_tf32 = before

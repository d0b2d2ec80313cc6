"""The model names of timm, read from its source files: importing timm imports torch, which takes seconds."""

from __future__ import annotations

import importlib.util
import re
from functools import lru_cache
from pathlib import Path

_REGISTERED = re.compile(r"@register_model\s+def (\w+)\(")


@lru_cache(maxsize=1)
def timm_names() -> tuple[str, ...]:
    """Return every model name that timm registers, sorted, without importing timm or torch.

    >>> "resnet50" in timm_names()
    True
    """
    spec = importlib.util.find_spec("timm")
    if spec is None or not spec.submodule_search_locations:
        return ()
    models = Path(spec.submodule_search_locations[0]) / "models"
    found: set[str] = set()
    for file in models.rglob("*.py"):
        found.update(_REGISTERED.findall(file.read_text(encoding="utf-8")))
    return tuple(sorted(found))

"""Names of a package that are imported on first use, so that importing the package stays light."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping


def lazy_attributes(package: str, names: Mapping[str, Iterable[str]]) -> Callable[[str], object]:
    """Return the ``__getattr__`` of a package (PEP 562).

    Beside it the package imports the same names under ``TYPE_CHECKING``, for type checkers and editors.

    Args:
        package: its ``__name__``.
        names: module → the names to import from it.

    >>> lazy_attributes("hub.lazy", {"hub.labels": ["LabelSpace"]})("LabelSpace").__name__
    'LabelSpace'
    """
    modules = {name: module for module, its in names.items() for name in its}

    def load(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(importlib.import_module(modules[name]), name)
        setattr(sys.modules[package], name, value)  # the next use does not come here
        return value

    return load

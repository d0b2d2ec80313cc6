"""The options of a plugin: name, type, default, and the description from its docstring."""

from __future__ import annotations

import inspect
import re
import typing
from typing import Any

from pydantic import BaseModel

from hub.cli.display.table import paragraph

_SECTION = re.compile(r"^(?:Args|Attributes):\n((?:[ \t]+.*\n?|\n)+)", re.MULTILINE)
_ITEM = re.compile(r"^    (\w[\w, ]*?)(?: \(.*?\))?: (.*(?:\n {6,}.*)*)", re.MULTILINE)


def format_options(target: Any) -> str:
    """Describe a class of options, the ``Options`` of a head or a data format, or the keyword arguments of a neck.

    >>> class Neck:
    ...     def __init__(self, channels, *, out_channels: int = 256):
    ...         '''A neck.
    ...
    ...         Args:
    ...             out_channels: channels of every level.
    ...         '''
    >>> print(format_options(Neck))
      out_channels: int = 256
          channels of every level.
    """
    options = target if isinstance(target, type) and issubclass(target, BaseModel) else getattr(target, "Options", None)
    return "\n".join(_fields(options) if options is not None else _keywords(target)) or "  no options"


def docs_of(thing: object) -> dict[str, str]:
    """Return the ``Args`` and ``Attributes`` of a Google-style docstring: name → description on one line."""
    text = inspect.cleandoc(getattr(thing, "__doc__", None) or "")
    return {
        name.strip(): " ".join(meaning.split())
        for section in _SECTION.findall(text + "\n")
        for names, meaning in _ITEM.findall(section)
        for name in names.split(",")
    }


def _fields(model: type[BaseModel]) -> list[str]:
    docs: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        docs |= docs_of(cls)
    types = typing.get_type_hints(model)  # without the constraints of Annotated
    return [
        _line(
            name,
            _type(types[name]),
            None if field.is_required() else repr(field.get_default(call_default_factory=True)),
            field.description or docs.get(name, ""),
        )
        for name, field in model.model_fields.items()
    ]


def _keywords(target: Any) -> list[str]:
    docs = docs_of(target) | docs_of(target.__init__)
    return [
        _line(
            name,
            _type(parameter.annotation),
            None if parameter.default is parameter.empty else repr(parameter.default),
            docs.get(name, ""),
        )
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]


def _line(name: str, kind: str, default: str | None, meaning: str) -> str:
    first = paragraph(f"{name}: {kind}" + ("" if default is None else f" = {default}"), first="  ", indent=" " * 8)
    return f"{first}\n{paragraph(meaning, first=' ' * 6, indent=' ' * 6)}" if meaning else first


def _type(annotation: Any) -> str:
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("typing.", "")

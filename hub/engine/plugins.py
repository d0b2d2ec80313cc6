"""Build the object that a config declares by the name and options of a plugin."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model

from hub.contract import parse_options
from hub.errors import ConfigError, ContractError
from hub.registry import Entry, find

T = TypeVar("T")
Declared = str | dict[str, Any]  # a name, or {name: …, option: value, …}


def split_declared(declared: str | Mapping[str, object], *, where: str) -> tuple[str, dict[str, object]]:
    """Return the name and the options of a plugin as a config declares it.

    Raises:
        ConfigError: a mapping without ``name``.

    >>> split_declared({"name": "sgd", "nesterov": True}, where="train.optimizer")
    ('sgd', {'nesterov': True})
    """
    if isinstance(declared, str):
        return declared, {}
    options = dict(declared)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(f"{where} has no name", fix=f"write {where}: NAME, or {where}: {{name: NAME, …}}")
    return name, options


def call_plugin(
    group: str, declared: str | Mapping[str, object], *args: object, where: str, returns: type[T], **given: object
) -> T:
    """Call a plugin's target with checked options.

    Args:
        group: of the entry point, such as ``"optimizers"``.
        declared: the name, or a mapping with ``name`` and options: keyword arguments of the target, checked against
            its type hints.
        args: positional arguments of the target.
        where: dotted key in the config, for messages.
        returns: class that the result must have.
        given: keyword arguments that the hub sets.

    Raises:
        UnknownNameError: no plugin has this name.
        OptionError: an option that the target does not have, or a value of another type.
        ContractError: the target returns something else.
    """
    name, options = split_declared(declared, where=where)
    entry = find(group, name)
    target = entry.factory()
    checked = parse_options(options_model(target, given), options, owner=f"{where} {name}")
    built = target(*args, **given, **{key: getattr(checked, key) for key in checked.model_fields_set})
    return _checked_type(built, returns, entry)


def options_model(target: Callable[..., object], given: Mapping[str, object]) -> type[BaseModel]:
    """Return a model of the keyword-only arguments of a function or class, without those in ``given``."""
    # The annotations of a dataclass are resolved class by class: its bases may live in other modules.
    by_class = dataclasses.is_dataclass(target) or not isinstance(target, type)
    hints = get_type_hints(
        target if by_class else target.__dict__.get("__init__", object.__init__), include_extras=True
    )
    parameters = inspect.signature(target).parameters.values()
    fields: dict[str, Any] = {
        p.name: (hints.get(p.name, Any), ... if p.default is p.empty else p.default)
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.name not in given
    }
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
    config = ConfigDict(extra="allow" if open_ended else "forbid", arbitrary_types_allowed=True)
    return create_model(getattr(target, "__name__", "Options"), __config__=config, **fields)


def _checked_type(built: object, returns: type[T], entry: Entry) -> T:
    if not isinstance(built, returns):
        raise ContractError(
            f"{entry.id} returns a {type(built).__name__}, not a {returns.__name__}",
            fix=f"let its target return a {returns.__module__}.{returns.__name__}",
        )
    return built

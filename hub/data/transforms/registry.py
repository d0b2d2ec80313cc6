"""Transforms by their registered names, and how a config's list becomes steps.

A plugin subclasses `Step`, describes it by a `hub.TransformSpec`, and announces that in its ``pyproject.toml``:

.. code-block:: toml

    [project.entry-points."backbone_hub.transforms.v1"]
    rain = "my_package.specs:rain"
"""

from __future__ import annotations

from collections.abc import Mapping

from hub.contract.options import parse_options
from hub.data.transforms.step import Step
from hub.errors import ConfigError, ContractError, UnknownNameError
from hub.registry import find, list_names


def transform_names() -> list[str]:
    """Return the names of all registered transforms.

    >>> {"resize", "horizontal_flip"} <= set(transform_names())
    True
    """
    return list_names(kind="transforms")


def transform_class(name: str) -> type[Step]:
    """Return the class of a registered transform.

    Raises:
        UnknownNameError: no transform has that name.
        BrokenPluginError, MissingRequirementError: the plugin cannot be imported.
        ContractError: its target is no `Step`.

    >>> transform_class("horizontal_flip").__name__
    'HorizontalFlip'
    """
    cls = find("transforms", name).target()
    if not (isinstance(cls, type) and issubclass(cls, Step)):
        raise ContractError(
            f"the target of transform {name!r} is {cls!r}", fix="point it at a subclass of hub.data.transforms.Step"
        )
    return cls


def parse_step(item: Mapping[str, object]) -> Step:
    """Return the step that one item of a config's list declares: its ``name`` and its options.

    Raises:
        ConfigError: an item without a name, or a name that no transform has.
        OptionError: an option that the transform does not have, or a value that it does not take.
        BrokenPluginError, MissingRequirementError, ContractError: see `transform_class`.
    """
    if not isinstance(item, Mapping) or "name" not in item:
        known = ", ".join(transform_names())
        raise ConfigError(f"transform {item!r} has no name", fix=f"write {{name: …}} with one of {known}")
    options = dict(item)
    name = str(options.pop("name"))
    try:
        cls = transform_class(name)
    except UnknownNameError as error:
        raise ConfigError(str(error)) from None
    return parse_options(cls, options, owner=f"transform {name!r}")

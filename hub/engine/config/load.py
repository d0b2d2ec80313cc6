"""Read a config from YAML, with overrides and error messages that name the file and the nearest key."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import yaml
from pydantic import BaseModel, ValidationError

from hub.engine.config.length import change_length
from hub.engine.config.sections import Config
from hub.errors import ConfigError, did_you_mean
from hub.registry.local_code import ALLOW_VARIABLE, import_local, local_code_allowed

Overrides = Sequence[str] | Mapping[str, object]  # "train.batch=2", or {"train.batch": 2}, or {"train": {"batch": 2}}


def load_config(path: str | os.PathLike[str], overrides: Overrides = ()) -> Config:
    """Read a config file and override some of its values.

    Args:
        path: a YAML file.
        overrides: words such as ``"train.batch=2"``, whose values are YAML, or a mapping from dotted keys to values.
            ``train.steps`` replaces ``train.epochs`` and the other way round, see `hub.engine.config.length`.

    Raises:
        ConfigError: the file is missing or not YAML, or a key or value is wrong; names the file and the nearest key.
    """
    path = Path(path)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        near = did_you_mean(path.name, [p.name for p in path.parent.glob("*.yaml")]) if path.parent.is_dir() else ""
        raise ConfigError(
            f"config {path} does not exist.{near}", fix="give a YAML file such as configs/quickstart.yaml"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError) as error:
        raise ConfigError(f"{path} is not a YAML file: {error}", fix="correct its YAML syntax") from None
    if not isinstance(data, Mapping):
        raise ConfigError(f"{path} has no keys", fix="it needs the sections model, data and train")
    data = apply_overrides(dict(data), overrides)
    given = apply_overrides({}, overrides).get("train")
    section = data.get("train")
    if isinstance(given, dict) and isinstance(section, dict):
        change_length(section, given)
    return parse_config(data, source=str(path))


def parse_config(data: Mapping[str, object], *, source: str) -> Config:
    """Validate plain values into a `Config`, after importing the local modules that ``plugins`` names.

    Raises:
        BrokenPluginError: such a module cannot be imported.
        ConfigError: a key or value is invalid; the message names ``source``, the dotted key and the nearest known key.
    """
    _import_plugins(data.get("plugins"), source=source)
    try:
        return Config.model_validate(dict(data))
    except ValidationError as error:
        lines = [_explain(problem) for problem in error.errors()]
    raise ConfigError(
        f"{source}: " + "; ".join(dict.fromkeys(lines)), fix="correct the keys named; configs/ has examples"
    )


def _import_plugins(modules: object, *, source: str) -> None:
    if not isinstance(modules, list) or not all(isinstance(module, str) for module in modules):
        return  # the validation that follows names what is wrong
    if modules and not local_code_allowed():
        raise ConfigError(
            f"{source}: plugins names local code to import: {', '.join(modules)}",
            fix=f"if you trust it, add --allow-local-code, or set {ALLOW_VARIABLE}=1 in Python",
        )
    for module in modules:
        import_local(module)


def apply_overrides(data: dict[str, object], overrides: Overrides) -> dict[str, object]:
    """Set dotted keys of nested mappings, in place.

    >>> apply_overrides({"train": {"lr": 0.02}}, ["train.lr=0.01", "data.root=/data/coco"])
    {'train': {'lr': 0.01}, 'data': {'root': '/data/coco'}}
    >>> apply_overrides({"train": {"lr": 0.02, "batch": 4}}, {"train": {"lr": 0.01}})
    {'train': {'lr': 0.01, 'batch': 4}}

    Raises:
        ConfigError: an override without ``=``, or through something that is not a mapping.
    """
    pairs = overrides.items() if isinstance(overrides, Mapping) else [_parsed(word) for word in overrides]
    for key, value in pairs:
        *parents, last = key.split(".")
        here = data
        for parent in parents:
            inner = here.setdefault(parent, {})
            if inner is None:
                inner = here[parent] = {}
            if not isinstance(inner, dict):
                raise ConfigError(f"override {key!r}: {parent} holds no keys", fix="check the dotted key")
            here = inner
        is_section = not parents and last in Config.model_fields and isinstance(value, Mapping)
        merged = (
            {**cast(dict[str, object], here.get(last) or {}), **cast(dict[str, object], value)} if is_section else value
        )
        here[last] = merged
    return data


def parse_overrides(words: Sequence[str]) -> dict[str, object]:
    """Return dotted key → value for words such as ``train.batch=2``.

    >>> parse_overrides(["train.lr=1e-3", "data.train={format: coco}"])
    {'train.lr': '1e-3', 'data.train': {'format': 'coco'}}

    Raises:
        ConfigError: a word without ``=``, or a key that no config has.
    """
    pairs = dict(_parsed(word) for word in words)
    for key in pairs:
        section = key.split(".")[0]
        if section not in Config.model_fields:
            raise ConfigError(
                f"override {key!r}: no config has the section {section!r}.{did_you_mean(section, Config.model_fields)}",
                fix=f"the sections are {', '.join(Config.model_fields)}",
            )
    return pairs


def merge_overrides(config: Config, overrides: Mapping[str, object]) -> Config:
    """Return a config with some values replaced; see `apply_overrides`.

    Raises:
        ConfigError: an unknown key or a wrong value.
    """
    return parse_config(apply_overrides(config.model_dump(), overrides), source="the config with its overrides")


def _parsed(word: str) -> tuple[str, object]:
    key, equals, text = word.partition("=")
    if not equals or not key:
        raise ConfigError(f"override {word!r} is not key=value", fix="write for example train.batch=2")
    try:
        return key, yaml.safe_load(text)
    except yaml.YAMLError:
        return key, text


def _explain(problem: Any) -> str:
    *parents, last = [str(part) for part in problem["loc"]] or [""]
    where = ".".join([*parents, last])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {where!r}.{did_you_mean(last, _keys(parents))}"
    if problem["type"] == "missing":
        return f"the key {where!r} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {message} (got {problem['input']!r})" if not message.startswith("give exactly") else message


def _keys(parents: Sequence[str]) -> list[str]:
    """Return the keys of the section at this path."""
    section: Any = Config
    for parent in parents:
        annotation = section.model_fields[parent].annotation
        candidates = [annotation, *get_args(annotation)]
        section = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if section is None:
            return []
    return list(section.model_fields)

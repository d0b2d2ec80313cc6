"""Descriptions of runs and configs, from their text files alone."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from hub.cli.display.table import pairs, paragraph
from hub.errors import ConfigError

CHECKPOINTS = ("best.safetensors", "last.safetensors", "last.pt")
DRAWINGS = ("training_samples.png", "predictions.png")
_PARAGRAPH = re.compile(
    r"(Recipe|Reported|Target|Measured|Data)\b"
)  # each starts a paragraph in the header of a config


def describe_run(folder: Path) -> str:
    """Describe a training run: its model, data, progress, metrics and files.

    Raises:
        ConfigError: the config of the run cannot be read.
    """
    config = _read_config(folder / "config.yaml")
    train, data = config.get("train") or {}, config.get("data") or {}
    environment = _read_json(folder / "environment.json")
    records = _records(folder / "metrics.jsonl")
    about = [
        ("model", str((config.get("model") or {}).get("name", "unknown"))),
        ("data", f"{_formats(data.get('train'))} in {data.get('root')}"),
        ("progress", _progress(train, records)),
        *_metrics(folder, records),
        ("checkpoints", _existing(folder, CHECKPOINTS) or "none yet"),
    ]
    if drawings := _existing(folder, DRAWINGS):
        about.append(("drawings", drawings))
    if command := environment.get("command"):
        about.append(("command", str(command)))
    if versions := environment.get("versions"):
        about.append(("versions", ", ".join(f"{name} {version}" for name, version in versions.items())))
    about.append(("continue with", f"hub train {folder} --resume"))
    return f"{folder}: a training run\n{pairs(about)}"


def describe_config(path: Path) -> str:
    """Describe a config by the comments of its header, which state recipe, target and measured results.

    Raises:
        ConfigError: the file cannot be read.
    """
    config = _read_config(path)
    about = [
        ("model", str((config.get("model") or {}).get("name", "unknown"))),
        ("data", _formats((config.get("data") or {}).get("train"))),
    ]
    header = _header(path.read_text(encoding="utf-8").splitlines())
    return f"{path}: a config\n{pairs(about)}" + (f"\n\n{header}" if header else "")


def _header(lines: Sequence[str]) -> str:
    """Return the comments at the top, wrapped to the terminal; indented lines (commands) stay as they are."""
    paragraphs: list[str] = []
    for line in itertools.takewhile(lambda line: line.startswith("#"), lines):
        text = line.removeprefix("#").removeprefix(" ").rstrip()
        continues = paragraphs and paragraphs[-1] and not paragraphs[-1].startswith(" ")
        if text and not text.startswith(" ") and continues and not _PARAGRAPH.match(text):
            paragraphs[-1] += f" {text}"
        else:
            paragraphs.append(text)
    return "\n".join(
        f"  {text}".rstrip() if not text or text.startswith(" ") else paragraph(text, first="  ", indent="  ")
        for text in paragraphs
    )


def _read_config(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", fix="check that it is a config") from None
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path} is not a config", fix="give a config with model, data and train")
    return content


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, Mapping) else {}


def _records(path: Path) -> list[Mapping[str, Any]]:
    """Return the records of ``metrics.jsonl`` that are complete."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    records = []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:  # the last line of a killed process
            continue
        if isinstance(record, Mapping) and isinstance(record.get("step"), int):
            records.append(record)
    return records


def _formats(declared: Any) -> str:
    sources = declared if isinstance(declared, list) else [declared]
    return (
        ", ".join(str(source.get("format", "auto")) for source in sources if isinstance(source, Mapping)) or "no data"
    )


def _progress(train: Mapping[str, Any], records: list[Mapping[str, Any]]) -> str:
    length = f"{train['steps']} steps" if train.get("steps") else f"{train.get('epochs')} epochs"
    done = max((record["step"] for record in records), default=0)
    return f"step {done}, of {length}"


def _metrics(folder: Path, records: list[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the last main metrics, and the best of each head with its step."""
    evaluation = _read_json(folder / "evaluation.json")
    heads = evaluation.get("heads")
    if not isinstance(heads, Mapping):
        return [("metrics", "not evaluated yet")]
    last, best = [], []
    for head, one in heads.items():
        main = one["main"]
        last.append(f"{head} {main} {_number(one['metrics'].get(main))}")
        key = f"{head}/{main}"
        found = [(value, r["step"]) for r in records for k, value in r.items() if k.endswith(key) and value is not None]
        if found:
            value, step = max(found)
            best.append(f"{head} {main} {_number(value)} (step {step})")
    step = evaluation.get("step")
    rows = [("metrics" if step is None else f"metrics at step {step}", ", ".join(last))]
    return [*rows, ("best", ", ".join(best))] if best else rows


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float | int) else "–"


def _existing(folder: Path, names: tuple[str, ...]) -> str:
    return ", ".join(name for name in names if (folder / name).is_file())

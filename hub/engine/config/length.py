"""Change the length of a training config by one override, in steps or epochs."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

log = logging.getLogger("hub")

_UNITS = {"epochs": "steps", "steps": "epochs"}


def change_length(train: dict[str, Any], overridden: Iterable[str]) -> None:
    """Keep one length after overrides, in place: an overridden unit replaces the other.

    Other values in that unit (milestones, ``evaluate_every``) are scaled with it unless they are overridden too, and
    the warm-up is limited to a tenth of the steps. The change is logged.

    Args:
        train: the section ``train``, with overrides applied.
        overridden: the keys that an override has set.

    >>> train = {"epochs": 12, "steps": 600, "schedule": {"name": "multistep", "milestones": [8, 11]}, "warmup": 500}
    >>> change_length(train, ["steps"])
    >>> train["epochs"], train["schedule"]["milestones"], train["warmup"], train["evaluate_every"]
    (None, [400, 550], 60, 50)
    """
    keys = set(overridden)
    new = [unit for unit in _UNITS if unit in keys and train.get(unit) is not None]
    if len(new) != 1:
        return
    (unit,) = new
    old = _UNITS[unit]
    before, after = train.get(old), train[unit]
    if before is None or old in keys or not _is_length(before) or not _is_length(after):
        return
    train[old] = None
    factor = after / before
    changes = [f"{unit} {after:g} instead of {old} {before:g}"]
    schedule = train.get("schedule")
    if "schedule" not in keys and isinstance(schedule, dict) and isinstance(schedule.get("milestones"), list):
        milestones = [_scaled(milestone, factor, unit) for milestone in schedule["milestones"]]
        train["schedule"] = {**schedule, "milestones": milestones}
        changes.append(f"milestones {', '.join(f'{m:g}' for m in milestones)}")
    warmup = train.get("warmup", 500)
    if unit == "steps" and "warmup" not in keys and isinstance(warmup, int) and warmup > after / 10:
        train["warmup"] = max(0, int(after // 10))
        changes.append(f"warmup {train['warmup']}")
    if "evaluate_every" not in keys:
        train["evaluate_every"] = max(
            _scaled(train.get("evaluate_every", 1), factor, unit), 1 if unit == "steps" else 0
        )
        changes.append(f"evaluate_every {train['evaluate_every']:g}")
    log.info("train: %s", ", ".join(changes))


def _is_length(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _scaled(value: Any, factor: float, unit: str) -> Any:
    if not _is_length(value):
        return value
    return round(value * factor) if unit == "steps" else value * factor

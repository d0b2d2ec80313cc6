"""Putting one more head on a trunk that others stand on already."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hub.backbones.trunk import Trunk, plain_key
from hub.model.create import Labels, build, parse_labels, resolve_preprocessing
from hub.model.model import Model
from hub.names import ModelName

log = logging.getLogger("hub")


def extend(model: Model, task: str, *, labels: Labels | None, options: Mapping[str, Any]) -> None:
    """Give a model one more head, in place; see `Model.add_head`."""
    old = ModelName.parse(model.recipe.name)
    name = ModelName.parse(f"{'+'.join((*old.tasks, task))}/{old.trunk}")
    alone = ModelName.parse(f"{task}/{old.trunk}")
    recipe = replace(
        model.recipe,
        name=str(name),
        labels={**model.recipe.labels, **parse_labels(alone, labels)},
        heads={**model.recipe.heads, task: dict(options)},
    )
    grown = build(recipe)
    preprocessing = resolve_preprocessing(
        model.preprocessing, {task: dict(grown.items())[task]}, given=f"the model {old}"
    )
    if not set(grown.trunk.levels) <= set(model.trunk.levels):
        _keep_weights(grown.trunk, model.trunk)
        model.trunk = grown.trunk.to(model.device).train(model.trunk.training)
    model.heads[task] = grown.heads[task].to(model.device).train(model.training)
    model.recipe, model.preprocessing = grown.recipe, preprocessing


def _keep_weights(trunk: Trunk, old: Trunk) -> None:
    """Put the weights of ``old`` into a trunk with more levels, and say what of it is new."""
    weights = {plain_key(n): t for n, t in old.state_dict().items()}
    frozen = {plain_key(n) for n, p in old.named_parameters() if not p.requires_grad}
    new = [n for n, t in trunk.state_dict().items() if plain_key(n) not in weights]
    trunk.load_state_dict({n: weights.get(plain_key(n), t) for n, t in trunk.state_dict().items()})
    for parameter_name, parameter in trunk.named_parameters():
        parameter.requires_grad_(plain_key(parameter_name) not in frozen)
    trunk.provenance, trunk.preprocessing = old.provenance, old.preprocessing
    if new:
        log.info("the trunk starts anew with %s", ", ".join(new[:6]) + (" and more" if len(new) > 6 else ""))

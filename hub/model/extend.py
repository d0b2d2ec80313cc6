"""Add a head to an existing, perhaps trained model."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from hub.backbones.trunk import Trunk, plain_key
from hub.model.parts import ModelParts, build_parts
from hub.model.plan import Labels, ModelPlan
from hub.model.preprocess import resolve_preprocessing

log = logging.getLogger("hub")


def extend(parts: ModelParts, task: str, *, labels: Labels | None, options: Mapping[str, object]) -> ModelParts:
    """Return the parts of a model with one more head; see `hub.Model.add_head`.

    If the new head reads levels that the trunk lacks, the trunk is replaced by a new one on the CPU with the same
    weights. The existing heads are kept; the new head is on the CPU.
    """
    plan = ModelPlan.of(parts.recipe)
    new = build_parts(plan.with_head(task, labels=labels, options=options))
    preprocessing = resolve_preprocessing(parts.preprocessing, {task: new.heads[task]}, given=f"the model {plan.name}")
    trunk = parts.trunk
    if not set(new.trunk.levels) <= set(trunk.levels):
        trunk = new.trunk
        _keep_weights(trunk, parts.trunk)
    return replace(new, trunk=trunk, heads={**parts.heads, task: new.heads[task]}, preprocessing=preprocessing)


def _keep_weights(trunk: Trunk, old: Trunk) -> None:
    """Load the weights of ``old`` into a trunk with more levels, and log which of its weights are new."""
    weights = {plain_key(n): t for n, t in old.state_dict().items()}
    frozen = {plain_key(n) for n, p in old.named_parameters() if not p.requires_grad}
    new = [n for n, t in trunk.state_dict().items() if plain_key(n) not in weights]
    trunk.load_state_dict({n: weights.get(plain_key(n), t) for n, t in trunk.state_dict().items()})
    for parameter_name, parameter in trunk.named_parameters():
        parameter.requires_grad_(plain_key(parameter_name) not in frozen)
    trunk.provenance, trunk.preprocessing = old.provenance, old.preprocessing
    if new:
        log.info("newly initialized in the trunk: %s", ", ".join(new[:6]) + (" and more" if len(new) > 6 else ""))

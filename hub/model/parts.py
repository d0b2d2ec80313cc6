"""The parts of a model, built from its plan."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from hub.backbones.create import create_trunk
from hub.backbones.trunk import Trunk
from hub.contract.head import Head
from hub.contract.recipe import Recipe
from hub.model.plan import ModelPlan
from hub.model.preprocess import resolve_preprocessing
from hub.preprocessing import Preprocessing
from hub.seeds import draw_seed, isolated_rng


@dataclass(frozen=True)
class ModelParts:
    """The parts of a `hub.Model`.

    Attributes:
        trunk: computed once per batch.
        heads: by name.
        recipe: what rebuilds them.
        preprocessing: how images become the trunk's input.
    """

    trunk: Trunk
    heads: dict[str, Head]
    recipe: Recipe
    preprocessing: Preprocessing


def build_parts(plan: ModelPlan, *, pretrained: bool | str | os.PathLike[str] = False) -> ModelParts:
    """Build a trunk and the heads on it.

    Args:
        plan: plan with labels.
        pretrained: see `hub.create_model`.

    Raises:
        HubError: see `hub.create_model`.
    """
    recipe = plan.recipe
    # Each part is initialized by a separate generator, so that other heads do not change its weights.
    seed = draw_seed()
    with isolated_rng(seed, "trunk"):
        trunk = create_trunk(
            replace(plan.name, tasks=()),
            pretrained=pretrained,
            in_chans=recipe.in_chans,
            norm=recipe.norm,
            freeze=recipe.freeze,
            channels=recipe.channels,
            levels=plan.trunk_levels,
            backbone=recipe.backbone,
            neck=recipe.neck,
        )
    heads: dict[str, Head] = {}
    for task, cls in plan.heads.items():
        read = plan.levels[task]
        with isolated_rng(seed, f"head {task}"):
            head = cls(
                {level: trunk.channels[level] for level in read},
                {level: trunk.strides[level] for level in read if level in trunk.strides},
                plan.labels[task],
                plan.options[task],
            )
        head.check_heads(heads)
        heads[task] = head
    if trunk.classifier is not None:
        for head in heads.values():
            head.load_pretrained_classifier(trunk.classifier)
        trunk.classifier = None  # the heads have copied what they need
    preprocessing = resolve_preprocessing(trunk.preprocessing, heads, given="the weights", free={"resize"})
    return ModelParts(trunk, heads, recipe, preprocessing)

"""A model's recipe with everything that its name refers to: parsed, looked up and validated in one place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hub.contract.head import Head
from hub.contract.options import Options, parse_options
from hub.contract.recipe import Recipe
from hub.errors import BadNameError, ContractError, LabelMismatchError, OptionError, did_you_mean
from hub.labels import LabelSpace
from hub.names import ModelName
from hub.registry import LOCAL, entries, find
from hub.registry.local_code import record, restore

Labels = LabelSpace | Iterable[str]
"""Class names, or a `hub.LabelSpace`."""


@dataclass(frozen=True)
class ModelPlan:
    """The input of `hub.model.build`: nothing in it has to be looked up again.

    Attributes:
        recipe: recipe with every option of every head, including defaults: a checkpoint must not change with the
            defaults of a later version.
        name: the parsed name of the recipe.
        heads: head → its class.
        options: head → its validated options.
        levels: head → the levels that it reads.
    """

    recipe: Recipe
    name: ModelName
    heads: Mapping[str, type[Head]]
    options: Mapping[str, Options]
    levels: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, recipe: Recipe, name: ModelName | None = None) -> ModelPlan:
        """Look up and validate what a recipe names.

        Args:
            recipe: a recipe, with or without labels; see `with_labels`.
            name: the recipe's name, if it has been parsed already.

        Raises:
            BadNameError, UnknownNameError, AmbiguousNameError: the name.
            OptionError: options for a head that the name does not have, or that a head does not take.
            BrokenPluginError, MissingRequirementError, ContractError: the plugin of a head.
            CheckpointError: the recipe has local code, and that is not allowed; see `hub.registry.local_code`.

        >>> plan = ModelPlan.of(Recipe("faster-rcnn/resnet18-fpn", labels={}))
        >>> plan.name.tasks, plan.levels["faster-rcnn"]
        (('faster-rcnn',), ('p2', 'p3', 'p4', 'p5', 'p6'))
        """
        restore(recipe.local_plugins)
        name = name or ModelName.parse(recipe.name)
        for head in recipe.heads:
            _check_head(name, head, "options")
        heads = {task: head_class(task) for task in name.tasks}
        options = {task: parse_options(c.Options, recipe.heads.get(task, {}), owner=task) for task, c in heads.items()}
        levels = {task: c.levels(options[task]) for task, c in heads.items()}
        pyramid = [level for read in levels.values() for level in read if re.fullmatch(r"p\d", level)]
        if name.neck is None and pyramid:
            raise BadNameError(
                f"{name} reads the pyramid level {pyramid[0]}, but {name.trunk} has no neck",
                fix=f"write {'+'.join(name.tasks)}/{name.trunk}-fpn",
            )
        resolved = {task: chosen.model_dump(mode="json") for task, chosen in options.items()}
        return cls(replace(recipe, heads=resolved, local_plugins=tuple(_local(name))), name, heads, options, levels)

    @property
    def labels(self) -> Mapping[str, LabelSpace]:
        """Head → its labels."""
        return self.recipe.labels

    @property
    def trunk_levels(self) -> tuple[str, ...]:
        """Every level that some head reads, each once."""
        return tuple(dict.fromkeys(level for read in self.levels.values() for level in read))

    def with_labels(self, labels: Labels | Mapping[str, Labels] | None) -> ModelPlan:
        """Return the plan with these labels.

        Args:
            labels: labels of the only head that has classes; or head → labels. Heads without classes need none.

        Raises:
            LabelMismatchError: a head's labels are missing or empty, or a head without classes is given some.
            OptionError: labels are given for a head that is not in the name.
        """
        return replace(self, recipe=replace(self.recipe, labels=head_labels(self.name, self.heads, labels)))

    def with_head(self, task: str, *, labels: Labels | None, options: Mapping[str, object]) -> ModelPlan:
        """Return the plan of the same model with one more head; see `of` and `with_labels` for the errors."""
        name = ModelName.parse(f"{'+'.join((*self.name.tasks, task))}/{self.name.trunk}")
        plan = ModelPlan.of(replace(self.recipe, name=str(name), heads={**self.recipe.heads, task: options}), name)
        alone = replace(name, tasks=(task,))
        spaces = {**self.labels, **head_labels(alone, {task: plan.heads[task]}, labels)}
        return replace(plan, recipe=replace(plan.recipe, labels=spaces))


def head_class(task: str) -> type[Head]:
    """Return the class that is registered as a task.

    Raises:
        ContractError: the plugin's target is not a subclass of `hub.Head`.
    """
    cls = find("tasks", task).target()
    if not (isinstance(cls, type) and issubclass(cls, Head)):
        raise ContractError(f"the target of task {task!r} is {cls!r}", fix="point it at a subclass of hub.Head")
    return cls


def head_options(
    name: ModelName, heads: Mapping[str, Mapping[str, object]] | None, options: Mapping[str, object]
) -> dict[str, dict[str, object]]:
    """Merge options given per head with options given for the only head.

    Raises:
        OptionError: options without a head are given, but there are several heads.
    """
    chosen = {head: dict(values) for head, values in (heads or {}).items()}
    if options:
        if len(name.tasks) > 1:
            raise OptionError(
                f"{name} has several heads, so {next(iter(options))!r} is ambiguous",
                fix="use heads={head: {...}}",
            )
        chosen[name.tasks[0]] = {**chosen.get(name.tasks[0], {}), **options}
    return chosen


def head_labels(
    name: ModelName, heads: Mapping[str, type[Head]], labels: Labels | Mapping[str, Labels] | None
) -> dict[str, LabelSpace]:
    """Return head → its labels; those of a head without classes are empty. See `ModelPlan.with_labels`."""
    with_classes = [task for task, cls in heads.items() if cls.labels_from is not None]
    if labels is None:
        if with_classes:
            raise LabelMismatchError(
                f"{name} needs labels", fix=f"hub.create_model({str(name)!r}, labels=['cat', 'dog'])"
            )
        labels = {}
    if not isinstance(labels, Mapping):
        candidates = with_classes or list(heads)
        if len(candidates) != 1:
            raise LabelMismatchError(f"{name} has several heads", fix=f"labels={{{next(iter(heads))!r}: [...], ...}}")
        labels = {candidates[0]: labels}
    for head in labels:
        _check_head(name, head, "labels")
    missing = [task for task in with_classes if task not in labels]
    if missing:
        raise LabelMismatchError(f"no labels for head {missing[0]!r}", fix=f"labels={{{missing[0]!r}: [...]}}")
    spaces = {task: LabelSpace.of(labels.get(task, ())) for task in heads}
    for head, space in spaces.items():
        if head not in with_classes and len(space):
            raise LabelMismatchError(f"{head} has no classes, but labels are given for it", fix="leave them out")
        if head in with_classes and not len(space):
            raise LabelMismatchError(f"the label list of {head} is empty", fix="give at least one class")
    return spaces


def _local(name: ModelName) -> list[dict[str, object]]:
    """Return the plugins of a model that are registered in this process only."""
    backbones = [e for e in entries("backbones") if name.backbone in (e.name, e.id) and e.distribution == LOCAL]
    found = [find("tasks", task) for task in name.tasks]
    if name.neck is not None:
        found.append(find("necks", name.neck))
    return record([*found, *backbones])


def _check_head(name: ModelName, head: str, what: str) -> None:
    if head not in name.tasks:
        raise OptionError(
            f"{what} given for {head!r}, which is not a head of {name}.{did_you_mean(head, name.tasks)}",
            fix=f"its heads are {', '.join(name.tasks)}",
        )

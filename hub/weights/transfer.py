"""Transfer of weights to a model with other labels or heads, by name, with a report."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

import torch

from hub.backbones.trunk import plain_key
from hub.contract import ClassRows
from hub.errors import CheckpointMismatchError
from hub.labels import LabelSpace
from hub.model import Model
from hub.weights.checkpoint import load


@dataclass
class TransferReport:
    """What `transfer` copied.

    Attributes:
        kept: tensors that were copied completely.
        matched: head → labels whose rows were copied by name.
        new: head → labels whose rows are new.
        initialized: tensor → why it was not copied.
    """

    kept: list[str] = field(default_factory=list)
    matched: dict[str, list[str]] = field(default_factory=dict)
    new: dict[str, list[str]] = field(default_factory=dict)
    initialized: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"copied {len(self.kept)} tensors"]
        for head, names in self.matched.items():
            new = self.new.get(head, [])
            lines.append(f"{head}: copied labels: {', '.join(names) or 'none'}; new labels: {', '.join(new) or 'none'}")
        lines += [f"not copied: {name} ({why})" for name, why in self.initialized.items()]
        return "\n".join(lines)


def transfer(model: Model, source: str | os.PathLike[str]) -> TransferReport:
    """Initialize ``model`` from the checkpoint of another model.

    Tensors with the same name and shape are copied. If a head has rows for each class, the rows of labels that both
    models have are copied by label name, independent of their index. Preprocessing and provenance are copied too.

    Args:
        model: changed in place.
        source: a checkpoint or run folder, see `hub.load`.

    Raises:
        CheckpointError: see `hub.load`.
        CheckpointMismatchError: the backbones differ; the model is unchanged.
    """
    other = load(source)
    if other.preprocessing.in_chans != model.preprocessing.in_chans:
        raise CheckpointMismatchError(
            f"{source} expects images of {other.preprocessing.in_chans} channels, "
            f"the new model {model.preprocessing.in_chans}",
            fix=f"set in_chans to {other.preprocessing.in_chans}",
        )
    report = TransferReport()
    theirs, own = {_plain(n): t for n, t in other.state_dict().items()}, model.state_dict()
    weights = {_plain(n): w for n, w in model.trunk.body.named_parameters(prefix="trunk.body")}
    if not any(n in theirs and theirs[n].shape == weight.shape for n, weight in weights.items()):
        raise CheckpointMismatchError(
            f"the backbone of {source} ({other.recipe.name}) shares no weights with that of {model.recipe.name}",
            fix="start from a checkpoint with the same backbone",
        )
    rows: dict[str, tuple[str, ClassRows]] = {}
    for head, module in model.items():
        if head not in other.heads or module.labels_from is None:
            continue
        known = other.labels[head].names
        report.matched[head] = [n for n in module.labels.names if n in known]
        report.new[head] = [n for n in module.labels.names if n not in known]
        rows |= {f"heads.{head}.{name}": (head, layout) for name, layout in module.class_rows().items()}
    with torch.no_grad():
        for name, tensor in own.items():
            their = theirs.get(_plain(name))
            if their is None:
                report.initialized[name] = "the checkpoint does not have it"
            elif name in rows and their.shape[1:] == tensor.shape[1:]:
                head, layout = rows[name]
                _copy_rows(tensor, their, model.labels[head], other.labels[head], layout)
            elif their.shape != tensor.shape:
                report.initialized[name] = f"shape {tuple(their.shape)} there, {tuple(tensor.shape)} here"
            else:
                tensor.copy_(their)
                report.kept.append(name)
    # Mean and std belong to the weights; the size, dtype and value range of the images belong to the new model's data.
    images = model.preprocessing
    model.preprocessing = replace(other.preprocessing, resize=images.resize, pixels=images.pixels)
    before = other.trunk.provenance
    model.trunk.provenance = replace(before, source=f"{os.fspath(source)}, which started from {before.source}")
    if not report.kept:
        raise CheckpointMismatchError(
            f"{source} ({other.recipe.name}) shares no weights with {model.recipe.name}",
            fix="use the same backbone",
        )
    return report


def _plain(name: str) -> str:
    """Apply `plain_key` to the parameter names of a complete model."""
    prefix = "trunk."
    return prefix + plain_key(name.removeprefix(prefix)) if name.startswith(prefix) else name


def _copy_rows(own: torch.Tensor, theirs: torch.Tensor, labels: LabelSpace, other: LabelSpace, rows: ClassRows) -> None:
    own[: rows.offset * rows.width] = theirs[: rows.offset * rows.width]  # rows before the classes, e.g. background
    for here, there in enumerate(labels.map_to(other)):
        if there >= 0:
            a, b = (rows.offset + here) * rows.width, (rows.offset + there) * rows.width
            own[a : a + rows.width] = theirs[b : b + rows.width]

"""Conformance tests of task plugins: check that a head fulfills the contract of `hub.Head`."""

from __future__ import annotations

import json
import math
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hub.contract.batch import Batch
from hub.contract.fields import FieldSpec
from hub.contract.head import Head
from hub.contract.metric import Evaluation
from hub.contract.results import Detections, Result
from hub.contract.targets import OBJECTS
from hub.errors import OptionError
from hub.labels import LabelSpace
from hub.model.factory import create_model
from hub.model.model import Model
from hub.model.plan import head_class
from hub.names import ModelName
from hub.registry import LOCAL, find
from hub.testing.dataset import IMAGE_SIZE, TinyDataset, without_targets


def check_task(
    name: str,
    *,
    backbone: str = "resnet18-fpn",
    labels: Sequence[str] = ("a", "b"),
    targets: Mapping[str, npt.ArrayLike] | None = None,
    keypoints: int = 17,
    fields: Mapping[str, FieldSpec] | None = None,
    beside: Mapping[str, Mapping[str, object]] | None = None,
    trunk: Mapping[str, object] | None = None,
    **options: object,
) -> None:
    """Check that a task fulfills the contract of a head, on two small drawn images.

    - The losses are finite float32 scalars with the same names with and without objects, also under bfloat16, and
      every parameter of the head gets a gradient; a head without parameters may have no losses.
    - Predictions have a fixed shape, need no targets and are deterministic.
    - There is one result per image, in pixels of the file, ready for JSON.
    - Drawing does not change the image.
    - The metric can be pickled and merged.
    - A misspelled option is rejected and the right one suggested.
    - Weights load into another model of the same recipe.
    - The module of the spec does not import torch.

    Args:
        name: name of the task, bare or canonical.
        backbone: the trunk of the model; its pyramid gets 32 channels.
        labels: class names, for a head with classes.
        targets: for a head that needs other targets than boxes, masks and keypoints: the map or tag of each name; see
            `TinyDataset`.
        keypoints: number of keypoints of each drawn object.
        fields: for a head that needs further values of each object: their declarations by name.
        beside: for a head that uses the results of others: the heads before it in the model's name, each with its
            options. They have the same labels.
        trunk: further trunk arguments of `hub.create`, such as ``in_chans`` and ``backbone``.
        options: options of the head.

    Raises:
        AssertionError: the first violation, in words.
        HubError: the task cannot be found or built.
    """
    _check_spec(name)
    targets, fields = dict(targets or {}), dict(fields or {})
    draw = partial(TinyDataset, LabelSpace.of(labels), targets=targets, keypoints=keypoints, fields=fields)
    drawable = OBJECTS | targets.keys() | fields.keys()
    case = _build(name, backbone, labels, draw, drawable, dict(beside or {}), dict(trunk or {}), options)
    _check_class_rows(case)
    _check_losses(case)
    predictions = _check_predictions(case)
    results = _check_results(case, predictions)
    _check_drawing(case, results)
    _check_metric(case, results)
    _check_options(case)
    _check_state_dict(case)


@dataclass
class _Case:
    """A model with the data for its checks."""

    task: str
    recipe: dict[str, Any]
    model: Model
    head: Head
    dataset: TinyDataset
    batch: Batch

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        self.model.train()
        losses: dict[str, Tensor] = self.model(batch)[self.task]
        return losses

    @torch.inference_mode()
    def predictions(self, batch: Batch, model: Model | None = None) -> dict[str, Tensor]:
        found: dict[str, Tensor] = (model or self.model).eval()(batch)[self.task]
        return found

    @torch.inference_mode()
    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Result]:
        """Return the results of the head, with those of the other heads of the model joined."""
        raw = self.model.eval()(batch) if len(self.model.heads) > 1 else {}
        return self.model.results({**raw, self.task: predictions}, batch)[self.task]


def _check_spec(name: str) -> None:
    entry = find("tasks", name)
    spec = entry.spec()
    assert spec.summary.strip(), f"{name}: the spec has no summary"
    assert "\n" not in spec.summary, f"{name}: the summary of the spec has more than one line"
    if entry.distribution == LOCAL:
        return
    module = entry.value.partition(":")[0]
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, check=False)
    assert done.returncode == 0, f"{name}: importing the spec's module {module} imports torch; keep the spec light"


def _build(
    name: str,
    backbone: str,
    labels: Sequence[str],
    draw: Callable[..., TinyDataset],
    drawable: frozenset[str],
    beside: dict[str, Mapping[str, Any]],
    trunk: dict[str, Any],
    options: dict[str, Any],
) -> _Case:
    classes = {task: head_class(task) for task in (*beside, name)}
    needs = frozenset().union(*(cls.needs for cls in classes.values()))
    strange = sorted(needs - drawable)
    assert not strange, (
        f"{name} needs {strange[0]!r}, which TinyDataset does not have: pass targets={{{strange[0]!r}: array}}, "
        f"of shape (2, …, {IMAGE_SIZE}, {IMAGE_SIZE}) for a map or (2, …) for a tag, or "
        f"fields={{{strange[0]!r}: FieldSpec(…)}} for a value of each object"
    )
    channels = {} if ModelName.parse(backbone).neck is None else {"channels": 32}
    sources = {task: cls.labels_from for task, cls in classes.items() if cls.labels_from is not None}
    recipe = {
        "name": f"{'+'.join(classes)}/{backbone}",
        "labels": {task: list(labels) for task in sources},
        "heads": {**beside, name: options},
        **channels,
        **trunk,
    }
    torch.manual_seed(0)
    model = create_model(**recipe)
    head = dict(model.items())[name]
    dataset = draw(labels_from=tuple(sources.values()))
    return _Case(name, recipe, model, head, dataset, dataset.batch(needs, in_chans=trunk.get("in_chans", 3)))


def _check_class_rows(case: _Case) -> None:
    parameters = dict(case.head.named_parameters())
    for path, rows in case.head.class_rows().items():
        assert path in parameters, f"class_rows names {path!r}, which is not a parameter of {case.task}"
        least = (rows.offset + len(case.head.labels)) * rows.width
        found = len(parameters[path])
        assert found >= least, f"class_rows: {path} has {found} rows, but {rows} wants at least {least}"


def _check_losses(case: _Case) -> None:
    if not list(case.head.parameters()) and not case.losses(case.batch):
        return  # nothing to learn
    names: dict[str, list[str]] = {}
    for what, batch in (("with objects", case.batch), ("without objects", without_targets(case.batch))):
        for precision in (torch.float32, torch.bfloat16):
            with torch.autocast("cpu", precision, enabled=precision is torch.bfloat16):
                losses = case.losses(batch)
            where = f"a batch {what} in {str(precision).removeprefix('torch.')}"
            names[where] = list(losses)
            _check_each_loss(losses, where)
            case.model.zero_grad()
            torch.autograd.backward(torch.stack(list(losses.values())).sum())
            idle = [n for n, p in case.head.named_parameters() if p.requires_grad and p.grad is None]
            assert not idle, f"{where}: the losses do not depend on {', '.join(idle)}, so distributed training hangs"
    first, *others = names.items()
    for where, found in others:
        assert found == first[1], f"{first[0]} gives the losses {first[1]}, but {where} gives {found}"


def _check_each_loss(losses: Mapping[str, Tensor], where: str) -> None:
    assert losses, f"{where}: no losses"
    for name, loss in losses.items():
        assert isinstance(loss, Tensor), f"{where}: loss {name} is a {type(loss).__name__}"
        assert loss.ndim == 0, f"{where}: loss {name} has the shape {tuple(loss.shape)}, not that of a scalar"
        assert loss.dtype == torch.float32, f"{where}: loss {name} is {loss.dtype}, not float32"
        assert torch.isfinite(loss), f"{where}: loss {name} is {loss.item()}"
        assert loss.requires_grad, f"{where}: loss {name} has no gradient"


def _check_predictions(case: _Case) -> dict[str, Tensor]:
    bare = replace(case.batch, instances=None, maps={}, tags={})
    predictions = case.predictions(bare)
    for name, tensor in predictions.items():
        assert isinstance(tensor, Tensor), f"predict: {name} is a {type(tensor).__name__}, not a tensor"
        assert tensor.ndim, f"predict: {name} is a scalar; its first dimension must be the batch"
        assert len(tensor) == 2, f"predict: {name} has {len(tensor)} rows for 2 images"
    _assert_same(predictions, case.predictions(bare), "predict returns other values the second time")
    _assert_same(predictions, case.predictions(case.batch), "predict returns other values if there are targets")
    black = case.predictions(replace(bare, images=torch.zeros_like(bare.images)))
    shapes = [{n: tuple(t.shape) for n, t in p.items()} for p in (predictions, black)]
    assert shapes[0] == shapes[1], f"predict: shapes depend on the pixels: {shapes[0]} and {shapes[1]} for black images"
    return predictions


def _check_results(case: _Case, predictions: Mapping[str, Tensor]) -> list[Result]:
    results = case.results(predictions, case.batch)
    assert len(results) == 2, f"results: {len(results)} for 2 images"
    for result, image_id, size in zip(results, case.batch.ids, case.batch.original_sizes.tolist(), strict=True):
        assert isinstance(result, Result), f"results: a {type(result).__name__} is not a hub.Result"
        assert result.image_id == image_id, f"results: image_id {result.image_id!r}, but the batch says {image_id!r}"
        assert list(result.size) == size, f"results: size {result.size}, but the file has {tuple(size)}"
        try:
            json.dumps(result.to_records())
        except TypeError as error:
            raise AssertionError(f"results: to_records() cannot be written as JSON: {error}") from error
        for suffix, content in result.files().items():
            assert suffix.startswith("."), f"results: the key {suffix!r} of files() is not a suffix such as '.npy'"
            assert suffix != ".png", "results: the suffix '.png' of files() is reserved for the drawing"
            assert isinstance(content, bytes), f"results: files() has a {type(content).__name__}, not bytes"
    # Different factors for height and width, to detect swapped axes.
    larger = replace(case.batch, original_sizes=case.batch.original_sizes * torch.tensor([2, 3]))
    for small, large in zip(results, case.results(predictions, larger), strict=True):
        if isinstance(small, Detections) and isinstance(large, Detections):
            _check_detections(small, large)
    return results


def _check_detections(small: Detections, large: Detections) -> None:
    """Compare the results of one prediction for a file and for one of twice its height and three times its width."""
    height, width = small.size
    limit = torch.tensor([width, height, width, height]) + 1e-3
    inside = bool(((small.boxes >= -1e-3) & (small.boxes <= limit)).all())
    assert inside, f"results: boxes outside the image of {width}×{height} pixels"
    scaled = torch.allclose(large.boxes, small.boxes * torch.tensor([3.0, 2, 3, 2]), atol=1e-2)
    assert scaled, "results: boxes are not in pixels of the file: they do not scale with original_sizes"
    assert bool((small.scores[:-1] >= small.scores[1:]).all()), "results: scores are not in descending order"
    assert bool((small.labels < len(small.label_space)).all()), "results: a label outside the label space"
    if small.masks is not None:
        shape = tuple(small.masks.shape[1:])
        assert shape == (height, width), f"results: masks of {shape}, but the file has {(height, width)}"


def _check_drawing(case: _Case, results: Sequence[Result]) -> None:
    for index, result in enumerate(results):
        image = case.dataset.load(index, frozenset()).image
        before = image.copy()
        drawn = case.head.draw(image, result, score=0.0)
        assert np.array_equal(image, before), "draw changes the image that it is given; draw on a copy"
        assert drawn.shape == image.shape, f"draw: {drawn.shape} for an image of {image.shape}"
        assert drawn.dtype == np.uint8, f"draw: {drawn.dtype}, not uint8"


def _check_metric(case: _Case, results: Sequence[Result]) -> None:
    whole, first, second = (case.head.metric(case.dataset) for _ in range(3))
    whole.update(results)
    first.update(results[:1])
    second.update(results[1:])
    evaluation = whole.compute()
    assert isinstance(evaluation, Evaluation), f"metric: compute() returns a {type(evaluation).__name__}"
    assert evaluation.main in evaluation.metrics, (
        f"metric: the main metric {evaluation.main!r} is not among {list(evaluation.metrics)}"
    )
    assert evaluation.main not in evaluation.units, (
        f"metric: the main metric {evaluation.main!r} has a unit; choose a fraction for which higher is better"
    )
    for name, metric in evaluation.metrics.items():
        assert isinstance(metric, float), f"metric: {name} is a {type(metric).__name__}, not a float"
        fraction = name not in evaluation.units
        assert not math.isinf(metric), f"metric: {name} is {metric}"
        assert math.isnan(metric) or not fraction or 0 <= metric <= 1, (
            f"metric: {name} is {metric}, not a fraction; declare its unit in Evaluation.units"
        )
    first.merge([pickle.loads(pickle.dumps(second))])
    merged = first.compute().metrics
    same = merged.keys() == evaluation.metrics.keys() and np.allclose(
        list(merged.values()), list(evaluation.metrics.values()), equal_nan=True
    )
    assert same, f"metric: two merged metrics give {merged}, but one metric gives {evaluation.metrics}"


def _check_options(case: _Case) -> None:
    known = next(iter(type(case.head).Options.model_fields), "option")
    wrong = known + known[-1]
    heads = case.recipe["heads"]
    try:
        create_model(**{**case.recipe, "heads": {**heads, case.task: {**heads[case.task], wrong: None}}})
    except OptionError as error:
        message = str(error)
    else:
        raise AssertionError(f"the unknown option {wrong!r} is accepted; derive Options from hub.Options")
    assert wrong in message, f"the error about the unknown option {wrong!r} does not name it: {message}"
    suggested = known in message.partition("fix:")[0].replace(wrong, "")
    assert suggested or not type(case.head).Options.model_fields, f"no suggestion for the option {wrong!r}: {message}"


def _check_state_dict(case: _Case) -> None:
    torch.manual_seed(1)
    copy = create_model(**case.recipe)
    copy.load_state_dict(case.model.state_dict())
    expected, found = case.predictions(case.batch), case.predictions(case.batch, copy)
    _assert_same(expected, found, "another model of the same recipe with the same weights predicts other values")


def _assert_same(one: Mapping[str, Tensor], other: Mapping[str, Tensor], message: str) -> None:
    assert one.keys() == other.keys(), f"{message}: {list(one)} and {list(other)}"
    for name, tensor in one.items():
        same = torch.allclose(tensor, other[name], rtol=0, atol=0, equal_nan=tensor.is_floating_point())
        assert same, f"{message} ({name})"

"""Evaluate a model on datasets, in one or several processes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from hub.contract import Evaluation, Head, Metric, Windows
from hub.contract.dataset import Dataset
from hub.data.loading.loader import eval_loader
from hub.data.loading.pipeline import Pipeline
from hub.data.transforms import Transform
from hub.engine.config import Config
from hub.engine.distributed import World, world
from hub.engine.train_batches import validation_data
from hub.errors import DataError, LabelMismatchError
from hub.files import write_json, write_text
from hub.model import Model
from hub.weights import load

log = logging.getLogger("hub")


def evaluate(
    model: Model,
    datasets: Dataset | Sequence[Dataset],
    *,
    world: World,
    batch: int = 8,
    workers: int = 2,
    precision: str = "auto",
    windows: Windows | None = None,
) -> dict[str, Evaluation]:
    """Predict every image of the datasets and score each head on the first that has what it is scored by.

    Args:
        model: on its device; its mode is kept.
        datasets: one or several, with annotations.
        world: images are divided among its processes.
        batch: images computed together in a process.
        workers: loader processes.
        precision: see `hub.precision.autocast`.
        windows: predict in these windows at the original resolution, one image at a time.

    Returns:
        Head → metrics on rank 0, nothing on the others.

    Raises:
        LabelMismatchError: a dataset has labels that the model lacks.
        DataError: an image cannot be read, a head has no dataset, or a dataset no head.
    """
    found: dict[str, Evaluation] = {}
    for dataset, heads in scored_on(model, [datasets] if isinstance(datasets, Dataset) else datasets):
        found |= _evaluate(
            model, dataset, heads, world=world, batch=batch, workers=workers, precision=precision, windows=windows
        )
    return {name: found[name] for name in model.heads if name in found}


def evaluate_checkpoint(
    checkpoint: Path,
    config: Config,
    *,
    device: str | None = None,
    batch_size: int = 8,
    precision: str = "auto",
    windows: Windows | None = None,
    out: Path | None = None,
) -> dict[str, Evaluation]:
    """Evaluate a checkpoint on the validation data of a config.

    Args:
        checkpoint: a ``.safetensors`` file.
        config: whose ``data.val`` is used.
        device: default: the GPU where there is one.
        batch_size: images computed together.
        precision: see `hub.precision.autocast`.
        windows: predict each image in windows of this kind, at its own resolution.
        out: JSON file for the metrics; reports go beside it.

    Returns:
        Head → metrics on rank 0, nothing on the others.

    Raises:
        HubError: whatever is wrong with the checkpoint or the data.
    """
    with world(device) as here:
        datasets = validation_data(config)
        log.info("%s on %s", checkpoint, " and ".join(f"{len(data)} images of {data.name}" for data in datasets))
        found = evaluate(
            load(checkpoint, device=here.device),
            datasets,
            world=here,
            batch=batch_size,
            workers=config.data.workers,
            precision=precision,
            windows=windows,
        )
        if here.is_main and out is not None:
            write_evaluations(found, out, out.parent, checkpoint=str(checkpoint))
    return found


def scored_on(model: Model, datasets: Sequence[Dataset]) -> list[tuple[Dataset, list[str]]]:
    """Return the heads that each dataset scores.

    Raises:
        DataError: a head that none of several can score, or one of several that scores no head.
    """
    if len(datasets) == 1:
        return [(datasets[0], list(model.heads))]
    heads: list[list[str]] = [[] for _ in datasets]
    for name, head in model.items():
        able = [i for i, data in enumerate(datasets) if _has_truth(head, data)]
        if not able:
            raise DataError(f"no dataset can score {name}", fix="add one that provides its targets to data.val")
        heads[able[0]].append(name)
    for data, names in zip(datasets, heads, strict=True):
        if not names:
            raise DataError(
                f"{data.name} scores no head of {model.recipe.name}: each is scored on the first dataset that can",
                fix="leave it out of data.val, or evaluate on it alone",
            )
    return list(zip(datasets, heads, strict=True))


def _has_truth(head: Head, dataset: Dataset) -> bool:
    return head.needs <= dataset.provides and (head.labels_from is None or head.labels_from in dataset.label_spaces)


def _evaluate(
    model: Model,
    dataset: Dataset,
    heads: Sequence[str],
    *,
    world: World,
    batch: int,
    workers: int,
    precision: str,
    windows: Windows | None,
) -> dict[str, Evaluation]:
    chosen = {name: head for name, head in model.items() if name in heads}
    for name, head in chosen.items():
        check_labels(name, head, dataset)
    _check_reader(model, dataset)
    metrics = {name: _metric(head, dataset) for name, head in chosen.items()}
    as_seen = Transform.resize(model.preprocessing.resize) if windows is None else Transform()
    pipeline = Pipeline(dataset, as_seen, in_chans=model.preprocessing.in_chans, pixels=model.preprocessing.pixels)
    loader = eval_loader(
        pipeline,
        batch_size=batch if windows is None else 1,
        rank=world.rank,
        world_size=world.size,
        workers=workers,
        divisor=model.divisor,
        device=world.device,
    )
    for images in track(
        loader, description="evaluate", console=Console(stderr=True), transient=True, disable=not world.is_main
    ):
        results = model.infer(images, precision=precision, windows=windows)
        for name, metric in metrics.items():
            metric.update(results[name])
    evaluations = {}
    for name, metric in metrics.items():
        gathered = world.gather(metric)
        if world.is_main:
            metric.merge(gathered[1:])
            evaluations[name] = metric.compute()
    return evaluations


def _metric(head: Head, dataset: Dataset) -> Metric:
    """Return the metric of the dataset for the labels of the head, or else that of the head."""
    own = dataset.metric(head.labels_from, head.labels)
    return head.metric(dataset) if own is None else own


def _check_reader(model: Model, dataset: Dataset) -> None:
    """Warn if a dataset reads its images in another way than the training data of the model."""
    learned, here = model.recipe.reader, dataset.reader
    if learned is None or here is None:
        return
    for key in sorted(learned.keys() | here.keys()):
        if learned.get(key) != here.get(key):
            log.warning(
                "%s has %s %s, but the model was trained with %s", dataset.name, key, here.get(key), learned.get(key)
            )


def write_evaluations(found: Mapping[str, Evaluation], metrics: Path, files: Path, **notes: object) -> None:
    """Write evaluations to files.

    Args:
        found: head → its evaluation.
        metrics: a JSON file for the metrics.
        files: a folder for further files, such as reports, in one of each head.
        notes: plain values to keep with the metrics.

    Raises:
        SaveError: see `hub.files.write_atomic`.
    """
    plain = {
        head: {"metrics": one.metrics, "main": one.main, "per_class": one.per_class} for head, one in found.items()
    }
    write_json(metrics, {**notes, "heads": plain})
    for head, one in found.items():
        for name, text in one.files.items():
            write_text(files / head / name, text)


def check_labels(name: str, head: Head, dataset: Dataset) -> None:
    """Refuse to score a head on classes that it does not have, unless it is open-set: see `hub.Head.open_set`.

    Raises:
        LabelMismatchError: names the classes.
    """
    if head.open_set:
        return
    labels = None if head.labels_from is None else dataset.label_spaces.get(head.labels_from)
    unknown = [n for n in labels.names if n not in head.labels.names] if labels is not None else []
    if unknown:
        raise LabelMismatchError(
            f"{dataset.name} has labels that {name} does not know: {', '.join(unknown[:10])}",
            fix=f"evaluate on data with the model's labels: {', '.join(head.labels.names[:10])}",
        )

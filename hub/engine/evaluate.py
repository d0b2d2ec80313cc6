"""Scoring a model on a dataset, in one process or several."""

from __future__ import annotations

from rich.progress import track

from hub.data.dataset import Dataset
from hub.data.loader import eval_loader
from hub.data.pipeline import Pipeline
from hub.data.transforms import Transform
from hub.engine.distributed import World
from hub.errors import LabelMismatchError
from hub.model import Evaluation, Head, Model


def evaluate(
    model: Model, dataset: Dataset, *, world: World, batch: int = 8, workers: int = 2, precision: str = "auto"
) -> dict[str, Evaluation]:
    """Predict every image of ``dataset`` and score each head.

    Args:
        model: on its device; its mode is kept.
        dataset: with annotations.
        world: images are divided among its processes.
        batch: images computed together in a process.
        workers: loader processes.
        precision: see `hub.precision.autocast`.

    Returns:
        Head → figures on rank 0, nothing on the others.

    Raises:
        LabelMismatchError: the dataset has labels that the model does not know.
        DataError: an image cannot be read.
    """
    for name, head in model.items():
        check_labels(name, head, dataset)
    metrics = {name: head.metric(dataset) for name, head in model.items()}
    pipeline = Pipeline(dataset, Transform.resize(model.preprocessing.resize), in_chans=model.preprocessing.in_chans)
    loader = eval_loader(
        pipeline,
        batch_size=batch,
        rank=world.rank,
        world_size=world.size,
        workers=workers,
        divisor=model.divisor,
        device=world.device,
    )
    for images in track(loader, description="evaluate", transient=True, disable=not world.first):
        for name, results in model.infer(images, precision=precision).items():
            metrics[name].update(results)
    evaluations = {}
    for name, metric in metrics.items():
        gathered = world.gather(metric)
        if world.first:
            metric.merge(gathered[1:])
            evaluations[name] = metric.compute()
    return evaluations


def check_labels(name: str, head: Head, dataset: Dataset) -> None:
    """Refuse to score a head on classes that it has never heard of: they would silently count as never found.

    Raises:
        LabelMismatchError: names the classes.
    """
    labels = dataset.label_spaces.get(head.labels_from)
    unknown = [n for n in labels.names if n not in head.labels.names] if labels is not None else []
    if unknown:
        raise LabelMismatchError(
            f"{dataset.name} has labels that {name} does not know: {', '.join(unknown[:10])}",
            fix=f"evaluate on data with the model's labels: {', '.join(head.labels.names[:10])}",
        )

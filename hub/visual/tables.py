"""Tables of metrics for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

from hub.contract.metric import Evaluation

COCO_COLUMNS = ("AP", "AP50", "AP75", "APs", "APm", "APl")
MAX_COLUMNS = 8  # that fit into a terminal
MAX_NAMES = 10  # of the classes without a value


def percent(value: float) -> str:
    """Format a fraction as a percentage with one decimal; NaN is a dash.

    >>> percent(0.3741), percent(float("nan"))
    ('37.4', '–')
    """
    return "–" if math.isnan(value) else f"{100 * value:.1f}"


def format_metric(value: float, unit: str | None) -> str:
    """Format a metric for a table: fractions, which have no unit, as percentages, and others with their unit.

    >>> format_metric(0.3741, None), format_metric(4.6518, "m"), format_metric(0.0525, ""), format_metric(math.nan, "m")
    ('37.4', '4.652 m', '0.0525', '–')
    """
    if unit is None or math.isnan(value):
        return percent(value)
    return f"{value:.4g} {unit}".strip()


def evaluation_line(
    step: int, evaluations: Mapping[str, Evaluation], best: Mapping[str, tuple[float, int]] | None = None
) -> str:
    """Summarize an evaluation on one line: the main metric of each head, and the best so far.

    Args:
        step: the training step.
        evaluations: head → its evaluation.
        best: head → its best main metric and the step of it.

    >>> evaluation_line(800, {"fcos": Evaluation({"AP": 0.5}, main="AP")}, {"fcos": (0.625, 600)})
    'step 800: fcos AP 50.0 (best 62.5 at step 600)'
    """
    parts = []
    for head, evaluation in evaluations.items():
        value, at = (best or {}).get(head, (math.nan, step))
        text = f"{head} {evaluation.main} {percent(evaluation.metrics[evaluation.main])}"
        parts.append(text if at == step or math.isnan(value) else f"{text} (best {percent(value)} at step {at})")
    return f"step {step}: {', '.join(parts)}"


def evaluation_table(evaluations: Mapping[str, Evaluation], *, title: str | None = None) -> Table:
    """Return a table with a column for each head and a row for each metric; main metrics are bold.

    Args:
        evaluations: head → its evaluation.
        title: title of the table.

    Returns:
        A table of percentages, except metrics with a unit; a cell is empty if a head does not have the metric.
    """
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("%")
    for head in evaluations:
        table.add_column(escape(head), justify="right")
    for name in dict.fromkeys(name for e in evaluations.values() for name in e.metrics):
        cells = [
            format_metric(e.metrics[name], e.units.get(name)) if name in e.metrics else "" for e in evaluations.values()
        ]
        main = any(name == e.main for e in evaluations.values())
        table.add_row(name, *cells, style="bold" if main else None)
    return table


def per_class_table(head: str, evaluation: Evaluation, *, columns: Sequence[str] | None = None) -> Table:
    """Return a table with a row for each class, in the order of the labels.

    Args:
        head: name of the head, the title of the table.
        evaluation: its evaluation; a cell is empty if a class does not have the metric.
        columns: the metrics to show; by default all, but only average precision of COCO's twelve.

    Returns:
        A table of percentages, except metrics with a unit. Classes without a value are left out, see `empty_classes`.
    """
    shown = _class_columns(evaluation, columns)
    table = Table(title=escape(head), box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("class, %", no_wrap=True)
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    without = _without_value(evaluation, shown)
    for label, metrics in evaluation.per_class.items():
        if label in without:
            continue
        cells = (format_metric(metrics[name], evaluation.units.get(name)) if name in metrics else "" for name in shown)
        table.add_row(escape(label), *cells)
    return table


def empty_classes(evaluation: Evaluation, *, columns: Sequence[str] | None = None) -> str:
    """Return a line with the number and names of the classes that `per_class_table` leaves out, or an empty string.

    >>> empty_classes(Evaluation({"AP": 0.5}, "AP", {"cat": {"AP": 0.5}, "dog": {"AP": math.nan}}))
    '1 class without a value: dog'
    """
    names = _without_value(evaluation, _class_columns(evaluation, columns))
    if not names:
        return ""
    shown = ", ".join(names[:MAX_NAMES]) + (", …" if len(names) > MAX_NAMES else "")
    return f"{len(names)} class{'es' if len(names) > 1 else ''} without a value: {shown}"


def _class_columns(evaluation: Evaluation, columns: Sequence[str] | None) -> Sequence[str]:
    given = list(dict.fromkeys(name for metrics in evaluation.per_class.values() for name in metrics))
    if columns is None:
        columns = COCO_COLUMNS if len(given) > MAX_COLUMNS else given
    return [name for name in columns if name in given] or given


def _without_value(evaluation: Evaluation, columns: Sequence[str]) -> list[str]:
    return [
        label
        for label, metrics in evaluation.per_class.items()
        if all(math.isnan(metrics.get(name, math.nan)) for name in columns)
    ]

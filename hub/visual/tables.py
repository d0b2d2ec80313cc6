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
        A table of percentages, except metrics with a unit.
    """
    given = list(dict.fromkeys(name for metrics in evaluation.per_class.values() for name in metrics))
    if columns is None:
        columns = COCO_COLUMNS if len(given) > MAX_COLUMNS else given
    shown = [name for name in columns if name in given] or given
    table = Table(title=escape(head), box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("class, %")
    for name in shown:
        table.add_column(name, justify="right")
    for label, metrics in evaluation.per_class.items():
        cells = (format_metric(metrics[name], evaluation.units.get(name)) if name in metrics else "" for name in shown)
        table.add_row(escape(label), *cells)
    return table

"""Tables of metrics for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

from hub.contract.metric import Evaluation

COCO_COLUMNS = ("AP", "AP50", "AP75", "APs", "APm", "APl")
MANY = 8  # columns that a terminal holds


def percent(value: float) -> str:
    """A fraction as a percentage with one decimal, or a dash where it is undefined.

    >>> percent(0.3741), percent(float("nan"))
    ('37.4', '–')
    """
    return "–" if math.isnan(value) else f"{100 * value:.1f}"


def show(value: float, unit: str | None) -> str:
    """A metric as a cell of a table: a fraction, which has no unit, as a percentage, anything else as it is.

    >>> show(0.3741, None), show(4.6518, "m"), show(0.0525, ""), show(float("nan"), "m")
    ('37.4', '4.652 m', '0.0525', '–')
    """
    if unit is None or math.isnan(value):
        return percent(value)
    return f"{value:.4g} {unit}".strip()


def evaluation_table(evaluations: Mapping[str, Evaluation], *, title: str | None = None) -> Table:
    """A column for each head under its name, a row for each metric; the main metrics are bold.

    Args:
        evaluations: head → what its metric found.
        title: above the table.

    Returns:
        A table whose numbers are percentages, but for those with a unit; a cell is empty where a head does not have
        that metric.
    """
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("%")
    for head in evaluations:
        table.add_column(escape(head), justify="right")
    for name in dict.fromkeys(name for e in evaluations.values() for name in e.metrics):
        cells = [show(e.metrics[name], e.units.get(name)) if name in e.metrics else "" for e in evaluations.values()]
        main = any(name == e.main for e in evaluations.values())
        table.add_row(name, *cells, style="bold" if main else None)
    return table


def per_class_table(head: str, evaluation: Evaluation, *, columns: Sequence[str] | None = None) -> Table:
    """A row for each class in the order of the labels.

    Args:
        head: the head's name, the table's title.
        evaluation: what its metric found; classes without a metric have an empty cell.
        columns: the metrics to show, if the metric gives them; by default all, but of COCO's many those of precision.

    Returns:
        A table whose numbers are percentages, but for those with a unit.
    """
    given = list(dict.fromkeys(name for metrics in evaluation.per_class.values() for name in metrics))
    if columns is None:
        columns = COCO_COLUMNS if len(given) > MANY else given
    shown = [name for name in columns if name in given] or given
    table = Table(title=escape(head), box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("class, %")
    for name in shown:
        table.add_column(name, justify="right")
    for label, metrics in evaluation.per_class.items():
        cells = (show(metrics[name], evaluation.units.get(name)) if name in metrics else "" for name in shown)
        table.add_row(escape(label), *cells)
    return table

"""Tables of dataset statistics, for the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from rich import box
from rich.markup import escape
from rich.table import Table

from hub.data.tools.statistics import DatasetStatistics, ObjectStatistics, Range
from hub.visual.tables import percent

T = TypeVar("T")


def data_table(splits: Mapping[str, DatasetStatistics]) -> Table:
    """Return a table with a column for each split; rows that would be 0 everywhere are left out.

    Args:
        splits: name of the split → its statistics.
    """
    table = _table("", splits)
    table.add_row("images", *(f"{s.images:,}" for s in splits.values()))
    table.add_row("width: min, median, max", *(_range(s.widths) for s in splits.values()))
    table.add_row("height: min, median, max", *(_range(s.heights) for s in splits.values()))
    if all(s.objects is None for s in splits.values()):
        return table

    def row(name: str, cell: Callable[[ObjectStatistics], str]) -> None:
        cells = ["" if s.objects is None else cell(s.objects) for s in splits.values()]
        if any(cells):
            table.add_row(name, *cells)

    def nonzero(number: int) -> str:
        return f"{number:,}" if number else ""

    def part(number: int, total: int) -> str:
        return f"{number:,} ({percent(number / total if total else math.nan)} %)"

    row("objects", lambda o: f"{o.total:,}")
    row("objects per image: min, median, max", lambda o: _range(o.per_image))
    row("small: area below 32² pixels", lambda o: part(o.small, o.total))
    row("medium", lambda o: part(o.medium, o.total))
    row("large: area from 96² pixels", lambda o: part(o.large, o.total))
    row("objects with a mask", lambda o: nonzero(o.with_mask))
    row("objects with keypoints", lambda o: nonzero(o.with_keypoints))
    row("crowd regions", lambda o: nonzero(o.crowds))
    row("images without objects", lambda o: nonzero(o.images_without))
    row("bad boxes: without area", lambda o: nonzero(o.report.zero_area))
    row("bad boxes: outside the image", lambda o: nonzero(o.report.outside))
    row("bad boxes: not finite", lambda o: nonzero(o.report.not_finite))
    row("boxes clipped to the image", lambda o: nonzero(o.report.partly_outside))
    return table


def class_tables(splits: Mapping[str, DatasetStatistics]) -> list[Table]:
    """Return a table of classes for objects and for each map and tag: counts, and the number of images in brackets."""
    tables = []
    objects = {name: s.objects.per_class for name, s in splits.items() if s.objects is not None}
    if objects:
        tables.append(_classes("class: objects (images)", splits, objects, lambda n: f"{n[0]:,} ({n[1]:,})"))
    for name in _keys(s.maps for s in splits.values()):
        shares = {}
        for split, statistics in splits.items():
            found = statistics.maps.get(name, {})
            total = sum(pixels for pixels, _ in found.values())
            shares[split] = {k: (pixels / total if total else math.nan, n) for k, (pixels, n) in found.items()}
        title = f"{name}: % of the pixels (images)"
        tables.append(_classes(title, splits, shares, lambda n: f"{_fine(n[0])} ({n[1]:,})", none="(ignored)"))
    for name in _keys(s.tags for s in splits.values()):
        counts = {split: statistics.tags.get(name, {}) for split, statistics in splits.items()}
        tables.append(_classes(f"{name}: images", splits, counts, lambda n: f"{n:,}", none="(unknown)"))
    return tables


def _classes(
    title: str,
    splits: Iterable[str],
    found: Mapping[str, Mapping[Any, Any]],
    cell: Callable[[Any], str],
    *,
    none: str = "",
) -> Table:
    table = _table(title, splits)
    classes = _keys(found.values())
    for name in sorted(classes, key=lambda name: name is None):  # in the order of the labels, None last
        cells = [cell(found[s][name]) if s in found and name in found[s] else "" for s in splits]
        table.add_row(none if name is None else escape(name), *cells)
    return table


def _table(title: str, splits: Iterable[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(escape(title))
    for split in splits:
        table.add_column(escape(split), justify="right")
    return table


def _keys(mappings: Iterable[Mapping[T, Any]]) -> list[T]:
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))


def _range(values: Range) -> str:
    return ", ".join("–" if math.isnan(v) else f"{v:,.10g}" for v in (values.minimum, values.median, values.maximum))


def _fine(share: float) -> str:
    """Format like `percent`, but show positive shares that round to 0 as <0.1."""
    return "<0.1" if 0 < share < 0.0005 else percent(share)

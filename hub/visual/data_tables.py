"""Tables of what a dataset holds, for the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from rich import box
from rich.markup import escape
from rich.table import Table

from hub.data.tools.statistics import Figures, ObjectFigures, Spread
from hub.visual.tables import percent

T = TypeVar("T")


def data_table(splits: Mapping[str, Figures]) -> Table:
    """A column for each split, a row for each metric; rows that would be 0 everywhere are left out.

    Args:
        splits: name of the split → its metrics.
    """
    table = _table("", splits)
    table.add_row("images", *(f"{f.images:,}" for f in splits.values()))
    table.add_row("width: least, median, most", *(_spread(f.widths) for f in splits.values()))
    table.add_row("height: least, median, most", *(_spread(f.heights) for f in splits.values()))
    if all(f.objects is None for f in splits.values()):
        return table

    def row(what: str, of: Callable[[ObjectFigures], str]) -> None:
        cells = ["" if f.objects is None else of(f.objects) for f in splits.values()]
        if any(cells):
            table.add_row(what, *cells)

    def some(number: int) -> str:
        return f"{number:,}" if number else ""

    def part(number: int, whole: int) -> str:
        return f"{number:,} ({percent(number / whole if whole else math.nan)} %)"

    row("objects", lambda o: f"{o.total:,}")
    row("objects an image: least, median, most", lambda o: _spread(o.per_image))
    row("small: below 32² pixels", lambda o: part(o.small, o.total))
    row("medium", lambda o: part(o.medium, o.total))
    row("large: from 96² pixels", lambda o: part(o.large, o.total))
    row("objects with a mask", lambda o: some(o.masked))
    row("objects with keypoints", lambda o: some(o.keypointed))
    row("crowd regions", lambda o: some(o.crowds))
    row("images without objects", lambda o: some(o.empty))
    row("bad boxes: without area", lambda o: some(o.report.zero_area))
    row("bad boxes: outside the image", lambda o: some(o.report.outside))
    row("bad boxes: not finite", lambda o: some(o.report.not_finite))
    row("boxes clipped to the image", lambda o: some(o.report.partly_outside))
    return table


def class_tables(splits: Mapping[str, Figures]) -> list[Table]:
    """A table of classes for objects, and one for each map and tag: counts, and in brackets the images."""
    tables = []
    objects = {s: f.objects.per_class for s, f in splits.items() if f.objects is not None}
    if objects:
        tables.append(_classes("class: objects (images)", splits, objects, lambda of: f"{of[0]:,} ({of[1]:,})"))
    for name in _keys(f.maps for f in splits.values()):
        shares = {}
        for split, metrics in splits.items():
            found = metrics.maps.get(name, {})
            whole = sum(pixels for pixels, _ in found.values())
            shares[split] = {k: (pixels / whole if whole else math.nan, n) for k, (pixels, n) in found.items()}
        title = f"{name}: % of the pixels (images)"
        tables.append(_classes(title, splits, shares, lambda of: f"{_fine(of[0])} ({of[1]:,})", none="(ignored)"))
    for name in _keys(f.tags for f in splits.values()):
        counts = {split: metrics.tags.get(name, {}) for split, metrics in splits.items()}
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
    for name in sorted(classes, key=lambda name: name is None):  # in the order of the labels, what has none last
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


def _spread(of: Spread) -> str:
    return ", ".join("–" if math.isnan(v) else f"{v:,.10g}" for v in (of.least, of.median, of.most))


def _fine(share: float) -> str:
    """As `percent`, with a sign for what would round to nothing."""
    return "<0.1" if 0 < share < 0.0005 else percent(share)

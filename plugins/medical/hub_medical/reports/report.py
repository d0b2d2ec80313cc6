"""One JSON and one HTML file for an evaluation, the worst cases first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from hub.files import write_json, write_text
from hub_medical import NOTICE, __version__
from hub_medical.metrics.cases import METRICS, SegmentationSummary, Summary
from hub_medical.reports.overlay import structure_color
from hub_medical.reports.page import number, page, picture, settings_table

_HEADS = {"dice": "Dice", "nsd": "NSD", "hd95": "HD95, mm"}


def write_report(
    folder: str | os.PathLike[str],
    summary: SegmentationSummary,
    *,
    title: str,
    settings: Mapping[str, Any],
    overlays: Mapping[str, np.ndarray] | None = None,
) -> tuple[Path, Path]:
    """Write ``report.json`` and ``report.html``.

    Patients are counted, not named. Cases are called by their ids, which come from file names: keep those free of
    names and dates. The HTML needs nothing else, neither network nor scripts.

    Args:
        folder: to write to.
        summary: of the evaluation.
        title: of the page.
        settings: what the metrics depend on, such as tolerance, split and checkpoint.
        overlays: case id → (H, W, 3) uint8 RGB, shown with the case.

    Returns:
        The two files.

    Raises:
        SaveError: they cannot be written.
    """
    folder = Path(folder)
    data = report_data(summary, title=title, settings=settings)
    html = report_page(data, overlays)
    return write_json(folder / "report.json", data), write_text(folder / "report.html", html)


def report_data(summary: SegmentationSummary, *, title: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What ``report.json`` holds, as plain values."""
    return {
        "title": title,
        "notice": NOTICE,
        "version": __version__,
        "settings": dict(settings),
        "overall": {f: _summary(s) for f, s in summary.overall.items()},
        "structures": {
            name: {
                **{f: _summary(s) for f, s in metrics.items()},
                "missed": summary.missed[name],
                "false_positives": summary.false_positives[name],
            }
            for name, metrics in summary.structures.items()
        },
        "cases": [
            {"case": c.case, "dice": c.dice, "structures": {n: asdict(s) for n, s in c.structures.items()}}
            for c in summary.cases
        ],
    }


def _summary(summary: Summary) -> dict[str, Any]:
    return {"mean": summary.mean, "interval": list(summary.interval), "patients": summary.patients}


def report_page(data: Mapping[str, Any], overlays: Mapping[str, np.ndarray] | None = None) -> str:
    """What ``report.html`` holds, from `report_data`; see `write_report` for the overlays."""
    overlays = overlays or {}
    rows = [_row("all", data["overall"], "", "")]
    rows += [
        _row(name, row, str(row["missed"]), str(row["false_positives"]), color=structure_color(index))
        for index, (name, row) in enumerate(data["structures"].items(), 1)
    ]
    heads = "".join(f"<th>{_HEADS[f]}</th>" for f in METRICS)
    cases = "".join(_case(case, overlays.get(case["case"])) for case in data["cases"])
    return page(
        data["title"],
        "<h2>Structures</h2><p>Means over patients with 95 % bootstrap intervals. A missed structure counts as Dice 0, "
        "NSD 0, and the volume's diagonal as HD95; a case without the structure counts only as a false "
        f"positive.</p><table><tr><th>structure</th>{heads}<th>missed</th><th>false positives</th></tr>"
        f"{''.join(rows)}</table>"
        f"{settings_table(data['settings'])}<h2>Cases, the worst first</h2>"
        "<p>Tint: prediction. Outline: reference. Each picture is the slice in which they differ most.</p>"
        f"{cases}",
    )


def _row(
    name: str,
    metrics: Mapping[str, Any],
    missed: str,
    false_positives: str,
    *,
    color: tuple[int, int, int] | None = None,
) -> str:
    swatch = "" if color is None else f'<i style="background:rgb{color}"></i>'
    cells = "".join(
        f"<td>{number(metrics[f]['mean'])} <small>{number(metrics[f]['interval'][0])} to "
        f"{number(metrics[f]['interval'][1])}</small></td>"
        for f in METRICS
    )
    return f"<tr><td>{swatch}{escape(name)}</td>{cells}<td>{missed}</td><td>{false_positives}</td></tr>"


def _case(case: Mapping[str, Any], overlay: np.ndarray | None) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{number(s[f])}</td>' for f in METRICS)}"
        f"<td>{number(s['volume'])}</td><td>{number(s['predicted_volume'])}</td></tr>"
        for name, s in case["structures"].items()
    )
    heads = "".join(f"<th>{_HEADS[f]}</th>" for f in METRICS)
    return (
        f"<h3>{escape(case['case'])}</h3><table><tr><th>structure</th>{heads}<th>ml</th><th>predicted ml</th></tr>"
        f"{rows}</table>{picture(overlay)}"
    )

"""One JSON and one HTML file for an evaluation, the worst cases first."""

from __future__ import annotations

import base64
import io
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hub.files import write_json, write_text
from hub_medical import NOTICE, __version__
from hub_medical.metrics.cases import FIGURES, SegmentationSummary, Summary

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2327}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .8rem;border-bottom:1px solid #ccd;"
    "text-align:right}td:first-child,th:first-child{text-align:left}.notice{background:#fff3cd;padding:.6rem 1rem}"
    "figure{margin:1rem 0}img{max-width:24rem;image-rendering:pixelated}small{color:#667}"
)
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
        settings: what the figures depend on, such as tolerance, split and checkpoint.
        overlays: case id → (H, W, 3) uint8 RGB, shown with the case.

    Returns:
        The two files.

    Raises:
        SaveError: they cannot be written.
    """
    folder = Path(folder)
    data = report_data(summary, title=title, settings=settings)
    page = _page(data, overlays or {})
    return write_json(folder / "report.json", data), write_text(folder / "report.html", page)


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
                **{f: _summary(s) for f, s in figures.items()},
                "missed": summary.missed[name],
                "in_vain": summary.in_vain[name],
            }
            for name, figures in summary.structures.items()
        },
        "cases": [
            {"case": c.case, "dice": c.dice, "structures": {n: asdict(s) for n, s in c.structures.items()}}
            for c in summary.cases
        ],
    }


def _summary(summary: Summary) -> dict[str, Any]:
    return {"mean": summary.mean, "interval": list(summary.interval), "patients": summary.patients}


def _page(data: Mapping[str, Any], overlays: Mapping[str, np.ndarray]) -> str:
    rows = [_row("all", data["overall"], "", "")]
    rows += [_row(n, s, str(s["missed"]), str(s["in_vain"])) for n, s in data["structures"].items()]
    heads = "".join(f"<th>{_HEADS[f]}</th>" for f in FIGURES)
    settings = "".join(
        f"<tr><td>{escape(str(key))}</td><td>{escape(str(value))}</td></tr>" for key, value in data["settings"].items()
    )
    cases = "".join(_case(case, overlays.get(case["case"])) for case in data["cases"])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(data['title'])}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{escape(data["title"])}</h1><p class="notice">{escape(data["notice"])}</p>'
        "<h2>Structures</h2><p>Means over patients with 95 % bootstrap intervals. A missed structure counts as Dice 0, "
        "NSD 0, and the volume's diagonal as HD95; a case without the structure counts only where it was predicted in "
        f"vain.</p><table><tr><th>structure</th>{heads}<th>missed</th><th>in vain</th></tr>{''.join(rows)}</table>"
        f"<table>{settings}</table><h2>Cases, the worst first</h2>"
        "<p>Tint: prediction. Outline: reference. Each picture is the slice in which they differ most.</p>"
        f"{cases}</body></html>"
    )


def _row(name: str, figures: Mapping[str, Any], missed: str, in_vain: str) -> str:
    cells = "".join(
        f"<td>{_number(figures[f]['mean'])} <small>{_number(figures[f]['interval'][0])} to "
        f"{_number(figures[f]['interval'][1])}</small></td>"
        for f in FIGURES
    )
    return f"<tr><td>{escape(name)}</td>{cells}<td>{missed}</td><td>{in_vain}</td></tr>"


def _case(case: Mapping[str, Any], overlay: np.ndarray | None) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{_number(s[f])}</td>' for f in FIGURES)}"
        f"<td>{_number(s['volume'])}</td><td>{_number(s['predicted_volume'])}</td></tr>"
        for name, s in case["structures"].items()
    )
    heads = "".join(f"<th>{_HEADS[f]}</th>" for f in FIGURES)
    picture = "" if overlay is None else f'<figure><img alt="" src="data:image/png;base64,{_png(overlay)}"></figure>'
    return (
        f"<h3>{escape(case['case'])}</h3><table><tr><th>structure</th>{heads}<th>ml</th><th>predicted ml</th></tr>"
        f"{rows}</table>{picture}"
    )


def _png(image: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}"

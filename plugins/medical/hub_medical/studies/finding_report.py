"""The report of findings as one HTML page and one JSON file, the worst cases first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from hub_medical import NOTICE, __version__
from hub_medical.reports.page import number, page, picture, settings_table
from hub_medical.studies.finding_scores import FindingScores

_ROWS = (  # heading, metric, is there an interval
    ("AUROC", "AUROC", True),
    ("AP", "AP", True),
    ("sensitivity", "sensitivity", True),
    ("specificity", "specificity", False),
)


def worst_first(truth: np.ndarray, scores: np.ndarray) -> list[int]:
    """The order of images by how far a score is from the truth, the farthest first.

    >>> worst_first(np.array([[1.0], [0.0], [np.nan]]), np.array([[0.9], [0.8], [0.5]]))
    [1, 0, 2]
    """
    far = np.where(np.isnan(truth), -1.0, np.abs(scores - np.nan_to_num(truth)))
    order: list[int] = np.argsort(-far.max(axis=1, initial=-1.0), kind="stable").tolist()
    return order


def finding_data(
    *,
    title: str,
    settings: Mapping[str, Any],
    mean: FindingScores,
    findings: Mapping[str, FindingScores],
    cases: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """What ``cases.json`` holds, as plain values. Patients are counted, not named; cases are called by their files.

    The attention of a case is that of equal parts of its study, from the first slice to the last.
    """
    return {
        "title": title,
        "notice": NOTICE,
        "version": __version__,
        "settings": dict(settings),
        "overall": _plain(mean),
        "findings": {
            name: {
                **_plain(one),
                "positives": one.positives,
                "negatives": one.negatives,
                "threshold": one.chosen.threshold,
                "temperature": one.chosen.temperature,
            }
            for name, one in findings.items()
        },
        "cases": list(cases),
    }


def finding_page(data: Mapping[str, Any], shown: Sequence[tuple[np.ndarray, Sequence[int]]]) -> str:
    """What ``report.html`` holds, from `finding_data`.

    Args:
        data: of the evaluation.
        shown: for each of the first cases a picture, and the slices of the study that its attention is of.
    """
    heads = "".join(f"<th>{heading}</th>" for heading, _, _ in _ROWS)
    rows = _row("mean", data["overall"]) + "".join(_row(name, one) for name, one in data["findings"].items())
    cases = "".join(_case(case, *one) for case, one in zip(data["cases"], shown, strict=False))
    return page(
        data["title"],
        "<h2>Findings</h2><p>With 95 % bootstrap intervals over patients. Unknown findings do not count. "
        "Calibration (ECE and Brier) is before → after temperature scaling.</p>"
        f"<table><tr><th>finding</th>{heads}<th>ECE</th><th>Brier</th><th>threshold</th><th>temperature</th>"
        f"<th>with</th><th>without</th></tr>{rows}</table>{settings_table(data['settings'])}"
        f"<h2>Cases, the worst first</h2>{cases}",
    )


def _plain(one: FindingScores) -> dict[str, Any]:
    return {**one.metrics, "intervals": {name: list(interval) for name, interval in one.intervals.items()}}


def _row(name: str, one: Mapping[str, Any]) -> str:
    cells = []
    for _, metric, interval in _ROWS:
        low, high = one["intervals"][metric] if interval else (0.0, 0.0)
        ends = f" <small>{number(low)} to {number(high)}</small>" if interval else ""
        cells.append(f"{number(one[metric])}{ends}")
    cells += [f"{number(one[metric])} → {number(one[f'{metric}_scaled'])}" for metric in ("ECE", "Brier")]
    cells += [number(one[key]) if key in one else "" for key in ("threshold", "temperature")]
    cells += [str(one.get(key, "")) for key in ("positives", "negatives")]
    return f"<tr><td>{escape(name)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _case(case: Mapping[str, Any], image: np.ndarray, slices: Sequence[int]) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{number(one['truth'])}</td><td>{number(one['score'])}</td></tr>"
        for name, one in case["findings"].items()
    )
    weights = case.get("attention")
    attention_text = ""
    if weights:
        best = sorted(range(len(weights)), key=lambda i: -weights[i])[:3]
        names = ", ".join(f"{slices[i]} ({weights[i]:.0%})" for i in best)
        attention_text = f"<p>Slices with most attention, counted from 0: {names}. The first of them is shown.</p>"
    return (
        f"<h3>{escape(case['case'])}</h3><table><tr><th>finding</th><th>truth</th><th>score</th></tr>{rows}</table>"
        f"{attention_text}{picture(image)}"
    )

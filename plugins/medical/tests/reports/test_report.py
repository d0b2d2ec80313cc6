from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image

from hub import LabelSpace
from hub_medical import NOTICE
from hub_medical.metrics import score_case, summarize_cases
from hub_medical.reports.overlay import draw_labels, worst_slice
from hub_medical.reports.report import write_report
from hub_medical.volumes.volume import Volume

NAMES = LabelSpace(("background", "head", "<tail>"), (0, 1, 2))


def make(folder: Path) -> tuple[dict, str]:
    real = np.zeros((6, 6, 4), np.uint8)
    real[1:4, 1:4, 1:3] = 1
    cases = []
    for number, cut in enumerate((6, 2, 3)):
        found = real.copy()
        found[cut:] = 0
        volumes = (Volume.of(a, np.eye(4)) for a in (found, real))
        cases.append(score_case(f"case {number}", f"patient {number}", *volumes, NAMES, tolerance=1.0))
    picture = draw_labels(np.full((6, 6), 90, np.uint8), real[:, :, 1], real[:, :, 1], NAMES.names)
    data, page = write_report(
        folder, summarize_cases(cases, draws=50), title="A & B", settings={"tolerance": 1}, overlays={"case 1": picture}
    )
    return json.loads(data.read_text()), page.read_text()


def test_the_worst_case_is_first_in_both_files(tmp_path: Path) -> None:
    data, page = make(tmp_path)
    assert [c["case"] for c in data["cases"]] == ["case 1", "case 2", "case 0"]
    assert re.findall(r"<h3>(.*?)</h3>", page) == ["case 1", "case 2", "case 0"]
    assert data["structures"]["head"]["dice"]["patients"] == 3
    assert data["structures"]["<tail>"]["dice"]["mean"] is None  # JSON has no NaN
    assert {p.name for p in tmp_path.iterdir()} == {"report.json", "report.html"}


def test_the_page_says_what_it_is_and_needs_nothing_else(tmp_path: Path) -> None:
    data, page = make(tmp_path)
    assert NOTICE in page
    assert data["notice"] == NOTICE
    assert "not a medical device" in NOTICE.lower()
    assert "&lt;tail&gt;" in page
    assert "A &amp; B" in page
    assert "patient 0" not in page + json.dumps(data)
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    HTMLParser().feed(page)
    encoded = re.search(r"data:image/png;base64,([^\"]+)", page)
    assert encoded
    assert Image.open(io.BytesIO(base64.b64decode(encoded[1]))).size == (258, 258)


def test_the_picture_is_of_the_slice_that_differs_most() -> None:
    reference = np.zeros((3, 4, 4), np.uint8)
    reference[1, :2] = 1
    prediction = reference.copy()
    assert worst_slice(prediction, reference) == 1
    prediction[2, 0, 0] = 1
    assert worst_slice(prediction, reference) == 2


def test_tint_and_outline() -> None:
    image = np.full((256, 256), 100, np.uint8)
    prediction, reference = np.zeros((2, 256, 256), np.uint8)
    prediction[10:50, 10:50] = reference[100:200, 100:200] = 1
    drawn = draw_labels(image, prediction, reference, NAMES.names)
    assert (drawn[20, 20] != 100).any()
    assert (drawn[150, 150] == 100).all()  # the outline is not filled
    assert (drawn[99, 150] == 255).all()  # its rim
    assert (drawn[220, 220] == 100).all()

"""Tables as the terminal shows them."""

from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table

from hub.contract.metric import Evaluation
from hub.visual import empty_classes, evaluation_line, evaluation_table, per_class_table

NAN = float("nan")
BOXES = Evaluation(
    {"AP": 0.3741, "AP50": 0.5, "APs": NAN}, "AP", {"cat": {"AP": 0.5, "AR1": 0.25}, "dog": {"AP": NAN, "AR1": 0.0}}
)
PIXELS = Evaluation({"mIoU": 0.81249}, "mIoU", {"road": {"IoU": 0.9}})


def cells(table: Table) -> list[list[str]]:
    """The words of each printed line that has letters or digits."""
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    console.print(table)
    lines = console.file.getvalue().splitlines()
    return [line.split() for line in lines if any(c.isalnum() for c in line)]


def test_each_head_has_its_own_column_in_percent_with_one_decimal() -> None:
    assert cells(evaluation_table({"faster-rcnn": BOXES, "semantic-fpn": PIXELS})) == [
        ["%", "faster-rcnn", "semantic-fpn"],
        ["AP", "37.4"],
        ["AP50", "50.0"],
        ["APs", "–"],
        ["mIoU", "81.2"],
    ]


def test_a_metric_with_a_unit_is_not_a_percentage() -> None:
    surfaces = Evaluation({"Dice": 0.5, "HD95": 12.3456, "ratio": NAN}, "Dice", units={"HD95": "mm", "ratio": ""})
    surfaces.per_class = {"liver": {"Dice": 0.25, "HD95": 3.0}}
    assert cells(evaluation_table({"h": surfaces})) == [
        ["%", "h"], ["Dice", "50.0"], ["HD95", "12.35", "mm"], ["ratio", "–"],
    ]  # fmt: skip
    assert cells(per_class_table("h", surfaces))[-1] == ["liver", "25.0", "3", "mm"]


def test_the_main_metric_is_bold() -> None:
    table = evaluation_table({"faster-rcnn": BOXES})
    assert [row.style for row in table.rows] == ["bold", None, None]


def test_classes_are_rows_with_the_columns_that_the_metric_gives() -> None:
    names = [f"{kind}{suffix}" for kind in ("AP", "AR") for suffix in ("", "50", "75", "s", "m", "l")]
    many = Evaluation({"AP": 0.5}, "AP", per_class={"cat": dict.fromkeys(names, 0.5), "dog": {"AP": NAN}})
    assert cells(per_class_table("faster-rcnn", many)) == [
        ["faster-rcnn"],
        ["class,", "%", "AP", "AP50", "AP75", "APs", "APm", "APl"],
        ["cat", *["50.0"] * 6],
    ]
    assert cells(per_class_table("faster-rcnn", BOXES))[1] == ["class,", "%", "AP", "AR1"]
    assert cells(per_class_table("faster-rcnn", BOXES, columns=["AR1", "AP"]))[1:3] == [
        ["class,", "%", "AR1", "AP"],
        ["cat", "25.0", "50.0"],
    ]


def test_a_metric_with_other_names_is_shown_with_them() -> None:
    assert cells(per_class_table("semantic-fpn", PIXELS))[1:] == [["class,", "%", "IoU"], ["road", "90.0"]]


def test_names_with_brackets_are_not_interpreted_as_markup() -> None:
    tricky = Evaluation({"AP": 0.5}, "AP", {"[red]van": {"AP": 0.5}})
    assert cells(per_class_table("a[bold]b", tricky)) == [["a[bold]b"], ["class,", "%", "AP"], ["[red]van", "50.0"]]


def test_classes_without_a_value_are_folded() -> None:
    present = {f"c{i}": {"AP": 0.5} for i in range(3)}
    absent = {f"absent {i}": {"AP": NAN, "AP50": NAN} for i in range(77)}
    table = per_class_table("fcos", Evaluation({"AP": 0.5}, "AP", {**absent, **present}))
    assert table.row_count == 3
    line = empty_classes(Evaluation({"AP": 0.5}, "AP", {**absent, **present}))
    assert line.startswith("77 classes without a value: absent 0, absent 1")
    assert line.endswith("absent 9, …")
    assert empty_classes(PIXELS) == ""


def test_a_line_states_the_step_and_the_best_of_each_head() -> None:
    line = evaluation_line(
        40, {"faster-rcnn": BOXES, "unet": PIXELS}, {"faster-rcnn": (0.5, 20), "unet": (0.81249, 40)}
    )
    assert line == "step 40: faster-rcnn AP 37.4 (best 50.0 at step 20), unet mIoU 81.2"
    assert evaluation_line(4, {"h": Evaluation({"AP": NAN}, "AP")}) == "step 4: h AP –"

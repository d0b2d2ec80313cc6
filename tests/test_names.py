from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import BadNameError
from hub.names import ModelName

GRAMMAR = "[task[+task…]/]backbone[.tag][-neck]"

task = st.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,4}){0,2}", fullmatch=True)
backbone = st.from_regex(r"[a-z0-9_]{1,12}", fullmatch=True)
tag = st.none() | st.from_regex(r"[a-z0-9_]{1,8}", fullmatch=True)


@given(st.lists(task, max_size=3, unique=True), backbone, tag, st.none() | task)
def test_a_printed_name_is_parsed_to_an_equal_one(
    tasks: list[str], backbone: str, tag: str | None, neck: str | None
) -> None:
    name = ModelName(backbone, tag, neck, tuple(tasks))
    assert ModelName.parse(str(name)) == name


@given(st.text(max_size=30))
def test_any_text_is_read_exactly_or_refused(text: str) -> None:
    try:
        printed = str(ModelName.parse(text))
    except BadNameError as error:
        printed, message = text, str(error)
        assert GRAMMAR in message
    assert printed == text


@pytest.mark.parametrize(
    ("text", "tasks", "backbone", "tag", "neck"),
    [
        ("resnet101", (), "resnet101", None, None),
        ("resnet101-fpn", (), "resnet101", None, "fpn"),
        ("vit_base_patch16_224.augreg_in21k-vit-det", (), "vit_base_patch16_224", "augreg_in21k", "vit-det"),
        ("faster-rcnn/resnet50", ("faster-rcnn",), "resnet50", None, None),
        ("mask-rcnn+semantic-fpn/resnet50.tv_in1k-fpn", ("mask-rcnn", "semantic-fpn"), "resnet50", "tv_in1k", "fpn"),
        ("my_plugin:mask-rcnn/other:net-third:neck", ("my_plugin:mask-rcnn",), "other:net", None, "third:neck"),
    ],
)
def test_parts(text: str, tasks: tuple[str, ...], backbone: str, tag: str | None, neck: str | None) -> None:
    assert ModelName.parse(text) == ModelName(backbone, tag, neck, tasks)


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "/resnet50", "faster-rcnn/", "a//b", "a/b/c", "+a/b", "a+/b", "a++b/c", "resnet50-", "-fpn",
        "resnet50.", "resnet50.-fpn", "resnet50.a.b", "Faster-RCNN/resnet50", "resnet 50", "résnet50",
        "resnet50\n", "a--b/c",
    ],
)  # fmt: skip
def test_bad_names(text: str) -> None:
    with pytest.raises(BadNameError):
        ModelName.parse(text)


def test_one_task_twice_is_refused() -> None:
    with pytest.raises(BadNameError, match="twice"):
        ModelName.parse("mask-rcnn+mask-rcnn/resnet50-fpn")


def test_something_else_than_a_string() -> None:
    with pytest.raises(BadNameError, match="not NoneType"):
        ModelName.parse(None)  # type: ignore[arg-type]

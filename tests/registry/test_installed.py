"""Reading of installed distributions."""

from __future__ import annotations

from pathlib import Path

import pytest

import hub
from hub.errors import BrokenPluginError
from hub.registry import find
from hub.registry.installed import scan
from hub.testing import distribution

TASKS = "backbone_hub.tasks.v1"
OVERWRITTEN = {
    "shadow/__init__.py": (
        "from hub import TaskSpec\nhead = TaskSpec(name='shadow', kind='k', summary='s', target='shadow.head:Head')"
    ),
    "shadow/head.py": "class Head: pass",
}


def test_a_spec_that_the_import_of_its_target_overwrites_is_loaded_once(tmp_path: Path) -> None:
    with distribution(tmp_path, "shadow", files=OVERWRITTEN, entry_points={TASKS: {"shadow": "shadow:head"}}):
        first = find("tasks", "shadow").target()
        assert find("tasks", "shadow").target() is first
        assert find("tasks", "shadow").spec().name == "shadow"


def test_a_spec_that_is_overwritten_before_it_is_loaded_is_named_with_the_cause(tmp_path: Path) -> None:
    with distribution(tmp_path, "shadow", files=OVERWRITTEN, entry_points={TASKS: {"shadow": "shadow:head"}}):
        __import__("shadow.head")
        with pytest.raises(BrokenPluginError, match=r"shadow:head is the submodule shadow\.head, which has replaced"):
            find("tasks", "shadow").spec()


def test_specs_are_read_again_after_a_refresh(tmp_path: Path) -> None:
    spec = "from hub import TaskSpec\nspec = TaskSpec(name='x', kind='k', summary='{}', target='a:B')"
    points = {TASKS: {"x": "again_specs:spec"}}
    for summary in ("one", "two"):
        files = {"again_specs.py": spec.format(summary)}
        with distribution(tmp_path / summary, "again", files=files, entry_points=points):
            assert find("tasks", "x").spec().summary == summary


def test_unreadable_metadata_are_named_with_their_path_and_hide_nothing(tmp_path: Path) -> None:
    with distribution(tmp_path, "half-gone", entry_points={TASKS: {"gone": "a:b"}}):
        file = tmp_path / "half_gone-1.0.dist-info/entry_points.txt"
        file.write_bytes(b"[x]\n\xff\xfe = 1")
        hub.registry.refresh()
        assert "faster-rcnn" in hub.list()
        (found,) = scan().unreadable
    assert found.name == "half_gone-1.0"
    assert found.path == str(file.parent)
    assert found.reason.startswith("UnicodeDecodeError")


@pytest.mark.parametrize(
    "group", ["backbone_hub.task.v1", "backbone-hub.tasks.v1", "backbone_hub.tasks", "Backbone_Hub.tasks.v1"]
)
def test_groups_of_another_spelling_are_noticed(tmp_path: Path, group: str) -> None:
    with distribution(tmp_path, "typo", entry_points={group: {"my-head": "a:b"}, "other.group": {"x": "a:b"}}):
        assert [(one.group, one.name, one.distribution) for one in scan().misspelt] == [(group, "my-head", "typo")]
        assert "my-head" not in hub.list()

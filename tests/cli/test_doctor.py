"""`hub plugins doctor`: every plugin in a separate process."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub.cli import main
from hub.registry import entries, refresh
from hub.testing import distribution

HEAD = """
from hub import Head
class Mine(Head): pass
"""
SPEC = "from hub import TaskSpec\nspec = TaskSpec(name='{name}', kind='k', summary='s', target='{target}')\n"


@contextmanager
def plugin(
    folder: Path,
    name: str,
    *,
    spec: str | None = None,
    head: str = HEAD,
    group: str = "tasks",
    point: str | None = None,
) -> Iterator[None]:
    """Install a distribution with one plugin ``name``: a module with its spec, and one with its head."""
    module = name.replace("-", "_")
    files: Mapping[str, str] = {
        f"{module}_specs.py": spec or SPEC.format(name=name, target=f"{module}_head:Mine"),
        f"{module}_head.py": head,
    }
    points = {f"backbone_hub.{group}.v1": {point or name: f"{module}_specs:spec"}}
    with distribution(folder / name, name, files=files, entry_points=points):
        yield


@pytest.fixture(autouse=True)
def _third_party_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the plugins of the hub, which other tests examine."""
    monkeypatch.setattr("hub.cli.doctor.entries", lambda *args: [e for e in entries(*args) if e.version == "1.0"])


def doctor(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    code = main(["plugins", "doctor", *options])
    return code, capsys.readouterr().out


def test_plugins_that_exit_do_not_affect_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (
        plugin(tmp_path, "leaves", head="import os; os._exit(7)"),
        plugin(tmp_path, "interrupts", head="raise KeyboardInterrupt"),
        plugin(tmp_path, "exits", head="raise SystemExit(3)"),
        plugin(tmp_path, "sound"),
    ):
        code, out = doctor(capsys)
    assert code == 1
    assert "broken: leaves:leaves (leaves 1.0)\nimporting it ended its process with exit code 7" in out
    assert "broken: interrupts:interrupts (interrupts 1.0)\nTraceback" in out
    assert "KeyboardInterrupt" in out
    assert "broken: exits:exits" in out
    assert "SystemExit: 3" in out
    assert "1 of 4 plugins are ok" in out


def test_a_plugin_that_does_not_end_is_stopped_and_shown_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with plugin(tmp_path, "sleeps", head="import time\ntime.sleep(600)"):
        code, out = doctor(capsys, "--timeout", "1")
    assert code == 1
    assert "importing it did not end within 1 s" in out
    assert "sleeps_head.py" in out


def test_oddities_that_work_are_notes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), name='poller').start()\n"
    slow = "import time\ntime.sleep(1.1)\n" + SPEC.format(name="slow", target="slow_head:Mine")
    loud = "print('hello from me')\nprint('and more')\n" + HEAD
    with (
        plugin(tmp_path, "threads", head=thread + HEAD),
        plugin(tmp_path, "slow", spec=slow),
        plugin(tmp_path, "loud", head=loud),
        plugin(tmp_path, "renamed", point="other-name"),
    ):
        code, out = doctor(capsys)
    assert code == 0
    assert "note: importing threads:threads leaves the thread 'poller' running" in out
    assert "note: slow:slow takes" in out
    assert "note: loud:loud prints when it is imported: 'hello from me'" in out
    assert "note: the entry point of renamed:other-name is named 'other-name', but its spec is named 'renamed'" in out
    assert "4 of 4 plugins are ok" in out


def test_a_spec_that_its_target_overwrites_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"shadow/__init__.py": SPEC.format(name="shadow", target="shadow.head:Mine").replace("spec =", "head =")}
    files["shadow/head.py"] = HEAD
    points = {"backbone_hub.tasks.v1": {"shadow": "shadow:head"}}
    with distribution(tmp_path, "shadow", files=files, entry_points=points):
        code, out = doctor(capsys)
    assert code == 0
    assert "note: importing shadow.head:Mine replaces the spec shadow:head of shadow:shadow" in out


def test_what_the_metadata_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = (
        "from hub import CommandSpec\nspec = CommandSpec(name='train', summary='s', target='collections:OrderedDict')"
    )
    with (
        plugin(tmp_path, "typo", group="task"),
        plugin(tmp_path, "train-me", spec=command, group="commands", point="train"),
        distribution(tmp_path / "gone", "half-gone", entry_points={"x": {"y": "z:w"}}),
    ):
        info = tmp_path / "gone/half_gone-1.0.dist-info"
        (info / "entry_points.txt").write_bytes(b"[x]\n\xff = 1")
        refresh()
        code, out = doctor(capsys)
    assert code == 1
    assert "in the group 'backbone_hub.task.v1', which the hub does not have. Did you mean backbone_hub.tasks" in out
    assert "note: the command 'train' of train_me:train can never run: `hub train` is the hub's own command" in out
    assert "broken: the metadata of half_gone-1.0 cannot be read: UnicodeDecodeError" in out
    assert str(info) in out
    assert "no plugin was imported: torch reads the same metadata and fails" in out


def test_a_summary_of_several_lines_is_a_contract_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = "from hub import TaskSpec\nspec = TaskSpec(name='x', kind='k', summary='one\\ntwo', target='a:B')"
    with plugin(tmp_path, "lines", spec=lines):
        code, out = doctor(capsys)
    assert code == 1
    assert "ContractError: the summary of x is not one plain line" in out


def test_listing_imports_no_third_party_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with plugin(tmp_path, "leaves", spec="import os; print('dirt'); os._exit(7)"):
        assert main(["list", "leaves"]) == 0
        assert main(["plugins"]) == 0
        out = capsys.readouterr().out
        assert "leaves" in out
        assert "dirt" not in out
        assert "leaves_specs" not in sys.modules

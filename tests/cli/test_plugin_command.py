"""Subcommands that plugins bring."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub.cli import main
from hub.testing import distribution

SPECS = """
from hub import CommandSpec
spec = CommandSpec(name="greet", summary="say hello", target="greeting_command:Greet")
"""
COMMAND = """
class Greet:
    def add_arguments(self, parser):
        parser.add_argument("name")
    def run(self, args):
        print(f"hello {args.name}")
        return 4
"""


@contextmanager
def greeting(folder: Path, *, name: str = "greet", source: str = COMMAND) -> Iterator[None]:
    files = {"greeting_specs.py": SPECS, "greeting_command.py": source}
    points = {"backbone_hub.commands.v1": {name: "greeting_specs:spec"}}
    with distribution(folder, "greeting-plugin", files=files, entry_points=points):
        yield


def test_it_runs_with_its_own_arguments_and_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with greeting(tmp_path):
        assert main(["greet", "world"]) == 4
        assert capsys.readouterr().out == "hello world\n"
        assert main(["greet", "--help"]) == 0
        assert "say hello" in capsys.readouterr().out


def test_help_and_suggestions_do_not_import_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with greeting(tmp_path):
        assert main(["--help"]) == 0
        assert "greet" in (out := capsys.readouterr().out)
        assert "from greeting-plugin 1.0" in out
        assert main(["gret"]) == 2
        assert "Did you mean greet?" in capsys.readouterr().err
        assert "greeting_specs" not in sys.modules


def test_a_broken_one_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with greeting(tmp_path, source="1 / 0"):
        assert main(["greet", "world"]) == 2
        err = capsys.readouterr().err
    assert "cannot import greeting_command:Greet: ZeroDivisionError" in err
    assert "Traceback" not in err


def test_the_hubs_own_commands_keep_their_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with greeting(tmp_path, name="list"):
        assert main(["list"]) == 0
    assert "faster-rcnn" in capsys.readouterr().out

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from hub.cli import main
from hub.testing import distribution

SPEC = (
    "from hub import TaskSpec\nspec = TaskSpec(name='x', kind='k', summary='s', target='{target}', requires={requires})"
)


@contextmanager
def plugin(folder: Path, name: str, task: str, source: str, *, contract: int = 1) -> Iterator[None]:
    module = name.replace("-", "_")
    points = {f"backbone_hub.tasks.v{contract}": {task: f"{module}:spec"}}
    with distribution(folder / name, name, files={f"{module}.py": source}, entry_points=points):
        yield


def test_none_installed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_DISABLE_PLUGINS", "1")
    assert main(["plugins"]) == 0
    assert capsys.readouterr().out == "no third-party plugins are installed\n"


def test_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = SPEC.format(target="collections:OrderedDict", requires={})
    with plugin(tmp_path, "good-plugin", "good", good), plugin(tmp_path, "bad-plugin", "bad", "1 / 0"):
        assert main(["plugins", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["good-plugin"].split() == ["good-plugin", "1.0", "good"]
    assert lines["bad-plugin"].split() == ["bad-plugin", "1.0", "bad"], "the doctor shows what is broken"
    assert "backbone-hub" not in lines


def test_doctor_finds_no_problem_of_first_party_plugins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DISABLE_PLUGINS", "1")
    code = main(["plugins", "doctor"])
    out = capsys.readouterr().out
    assert code == 0, out
    found = re.search(r"(\d+) of (\d+) plugins are ok", out)
    assert found is not None, out
    assert found[1] == found[2]
    assert "note: HUB_DISABLE_PLUGINS=1 is set" in out


def test_doctor_shows_the_tracebacks_of_broken_plugins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = {
        "raises": ("1 / 0", "ZeroDivisionError"),
        "no-target": (SPEC.format(target="no_such_module:Head", requires={}), "No module named 'no_such_module'"),
        "no-head": (
            SPEC.format(target="collections:OrderedDict", requires={}),
            "not a subclass of hub.contract.head.Head",
        ),
        "no-spec": ("spec = 3", "is a int, not a TaskSpec"),
    }
    with ExitStack() as stack:
        for name, (source, _) in broken.items():
            stack.enter_context(plugin(tmp_path, f"bad-{name}", name, source))
        assert main(["plugins", "doctor"]) == 1
    out = capsys.readouterr().out
    for name, (_, problem) in broken.items():
        module = f"bad-{name}".replace("-", "_")
        text = out.partition(f"broken: {module}:{name} (bad-{name} 1.0)\nTraceback")[2].partition("\nbroken:")[0]
        assert problem in text, name


def test_doctor_notes_what_is_not_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wants = SPEC.format(target="collections:OrderedDict", requires={"not_installed": "pip install not-installed"})
    with (
        plugin(tmp_path, "future-plugin", "future", "1 / 0", contract=2),
        plugin(tmp_path, "wanting-plugin", "wanting", wants),
        plugin(tmp_path, "other-plugin", "wanting", wants),
    ):
        assert main(["plugins", "doctor"]) == 0
    out = capsys.readouterr().out
    assert "note: future_plugin:future is for version 2 of the plugin contract" in out
    assert "pip install not-installed" in out
    assert "use the full name wanting_plugin:wanting" in out
    assert "use the full name other_plugin:wanting" in out
    assert "Traceback" not in out

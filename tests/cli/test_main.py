from __future__ import annotations

import argparse
import importlib
import logging
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

import hub
from hub.cli import main
from hub.cli.main import COMMANDS, UsageError
from hub.errors import HubError, NonFiniteLossError


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Adds a command ``try`` to the command line, which calls a given function."""

    def put(run: Callable[[argparse.Namespace], int]) -> None:
        module = ModuleType("tried_command")
        module.SUMMARY = "try"  # type: ignore[attr-defined]

        def add_arguments(parser: argparse.ArgumentParser) -> None:
            parser.add_argument("config", nargs="?")
            parser.add_argument("overrides", nargs="*")
            parser.add_argument("--resume", action="store_true")

        module.add_arguments, module.run = add_arguments, run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "tried_command", module)
        monkeypatch.setitem(COMMANDS, "try", ("tried_command", "try it"))

    return put


def fail(error: BaseException) -> Callable[[argparse.Namespace], int]:
    def run(_: argparse.Namespace) -> int:
        raise error

    return run


def test_every_listed_command_exists() -> None:
    for module, _ in COMMANDS.values():
        loaded = importlib.import_module(module)
        assert loaded.SUMMARY
        loaded.add_arguments(argparse.ArgumentParser())
        assert callable(loaded.run)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"usage: hub {name}" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_help_names_every_command(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    out = capsys.readouterr().out
    for name, (_, summary) in COMMANDS.items():
        assert name in out
        assert summary in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"hub {hub.__version__}\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["trian"], "unknown command 'trian'. Did you mean train"),
        (["list", "--nekcs"], "unrecognized arguments: --nekcs"),
        (["info"], "required: NAME"),
        (["list", "--tasks", "--necks"], "not allowed with argument"),
        (["plugins", "docter"], "invalid choice: 'docter'"),
        (["-x"], "unknown command '-x'"),
    ],
)
def test_usage_errors_are_one_message(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == UsageError.exit_code == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.startswith("error: ")
    assert "\n  fix: " in err
    assert "Traceback" not in err
    assert not out


@pytest.mark.parametrize("error", [HubError("it failed", fix="fix it"), NonFiniteLossError("it failed", fix="fix it")])
def test_errors_are_printed_without_a_traceback(
    error: HubError, command: Callable[..., None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command(fail(error))
    assert main(["try"]) == error.exit_code
    assert capsys.readouterr().err == "error: it failed\n  fix: fix it\n"
    monkeypatch.setenv("HUB_DEBUG", "1")
    assert main(["try"]) == error.exit_code
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("error: it failed\n  fix: fix it\n")


def test_an_unexpected_error_has_a_traceback(command: Callable[..., None]) -> None:
    command(fail(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        main(["try"])


def test_ctrl_c(command: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    command(fail(KeyboardInterrupt()))
    assert main(["try"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_options_and_overrides_may_be_mixed(command: Callable[..., None]) -> None:
    seen: list[argparse.Namespace] = []
    command(lambda args: seen.append(args) or 0)
    assert main(["try", "a.yaml", "x=1", "--resume", "y=2", "-v"]) == 0
    assert (seen[0].config, seen[0].overrides, seen[0].resume) == ("a.yaml", ["x=1", "y=2"], True)


def test_the_exit_code_of_the_command_is_returned(command: Callable[..., None]) -> None:
    command(lambda _: 7)
    assert main(["try"]) == 7


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], ["information", "warning: a warning"]),
        (["-v"], ["detail", "information", "warning: a warning"]),
        (["--quiet"], ["warning: a warning"]),
    ],
)
def test_logs_go_to_stderr(
    flags: list[str], expected: list[str], command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: argparse.Namespace) -> int:
        log = logging.getLogger("hub")
        log.debug("detail")
        log.info("information")
        log.warning("a warning")
        print("answer")
        return 0

    command(run)
    for _ in range(2):  # a second call must not print everything twice
        assert main(["try", *flags]) == 0
        out, err = capsys.readouterr()
        assert out == "answer\n"
        assert err.splitlines() == expected
    assert not logging.getLogger("hub").handlers


def test_as_a_module_and_with_a_closed_pipe() -> None:
    """`hub list | head -1`: no traceback when the pipe closes."""
    listing = subprocess.Popen(
        [sys.executable, "-m", "hub", "list", "--backbones"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert listing.stdout is not None
    assert listing.stderr is not None
    assert listing.stdout.readline().split() == [b"backbones"]
    listing.stdout.close()
    assert listing.stderr.read() == b""
    assert listing.wait() == 141
    listing.stderr.close()

"""The workflows use existing files and commands, and only allowed actions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / ".github").rglob("*.yml"))
WORKFLOWS = [path for path in FILES if path.parent.name == "workflows"]
TARGETS = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def _load(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in found.items()}  # YAML 1.1 reads `on` as true


def _steps(path: Path) -> list[dict[str, Any]]:
    jobs = _load(path).get("jobs", {"action": _load(path).get("runs", {})})
    return [step for job in jobs.values() for step in job.get("steps", [])]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_limits_and_few_rights(path: Path) -> None:
    workflow = _load(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 90, name
        needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
        assert set(needed) <= workflow["jobs"].keys(), name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_steps_name_what_exists(path: Path) -> None:
    for step in _steps(path):
        run, uses = step.get("run", ""), step.get("uses", "")
        assert bool(run) != bool(uses), step
        for target in re.findall(r"\bmake ([a-z][\w-]*)", run):
            assert target in TARGETS or target == "test-", f"make {target}"
        for script in re.findall(r"\btools/\w+\.py", run):
            assert (ROOT / script).is_file(), script
        if uses.startswith("./"):
            assert (ROOT / uses / "action.yml").is_file(), uses
        elif uses:
            assert re.search(r"@(v\d+|release/v\d+)$", uses), f"{uses} has no version"


def test_every_plugin_is_tested() -> None:
    workflow = _load(ROOT / ".github" / "workflows" / "test.yml")
    plugins = {path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml")}
    assert set(workflow["jobs"]["plugins"]["strategy"]["matrix"]["plugin"]) == plugins
    assert {f"test-{name}" for name in plugins} <= TARGETS


def test_the_versions_of_python_are_those_that_are_declared() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = set(re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project))
    workflow = _load(ROOT / ".github" / "workflows" / "test.yml")
    assert set(workflow["jobs"]["test"]["strategy"]["matrix"]["python"]) == declared

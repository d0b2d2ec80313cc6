"""The contents of the wheel."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("hatchling", reason="builds a wheel")
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    copy.mkdir()
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("hub", "tasks", "configs"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=copy, check=True, capture_output=True,
    )  # fmt: skip
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_top_level_names(wheel: zipfile.ZipFile) -> None:
    """`tasks` and `plugins` must not become importable: they would shadow a user's own modules."""
    packages = {p.name for p in (ROOT / "tasks").iterdir() if (p / "__init__.py").exists()}
    version = PROJECT["project"]["version"]
    expected = {"hub", *packages, f"backbone_hub-{version}.dist-info"}
    assert {name.split("/")[0] for name in wheel.namelist()} == expected


def test_every_module_ships(wheel: zipfile.ZipFile) -> None:
    sources = {p.relative_to(ROOT).as_posix() for p in (ROOT / "hub").rglob("*.py")}
    sources |= {
        p.relative_to(ROOT / "tasks").as_posix() for p in (ROOT / "tasks").rglob("*.py") if "tests" not in p.parts
    }
    assert len(sources) > 40
    assert sources <= set(wheel.namelist())


def test_configs_ship(wheel: zipfile.ZipFile) -> None:
    configs = {f"hub/configs/{p.relative_to(ROOT / 'configs').as_posix()}" for p in (ROOT / "configs").rglob("*.yaml")}
    assert "hub/configs/quickstart.yaml" in configs
    assert configs <= set(wheel.namelist())


def test_entry_points(wheel: zipfile.ZipFile) -> None:
    parser = configparser.ConfigParser(delimiters=("=",))
    name = next(n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    parser.read_string(wheel.read(name).decode())
    assert parser["console_scripts"]["hub"] == "hub.cli:main"
    for group, points in PROJECT["project"]["entry-points"].items():
        assert dict(parser[group]) == points
        for value in points.values():
            module = value.partition(":")[0].replace(".", "/")
            assert f"{module}.py" in wheel.namelist(), f"{value} does not ship"


def test_the_environment_has_the_entry_points_of_the_source() -> None:
    """Entry points are written at install time: after a change in pyproject.toml, run pip install again."""
    from hub.registry import FIRST_PARTY, entries

    declared = {
        (group.split(".")[1], name, value)
        for group, points in PROJECT["project"]["entry-points"].items()
        for name, value in points.items()
    }
    installed = {(e.group, e.name, e.value) for e in entries() if e.distribution == FIRST_PARTY}
    assert installed == declared


def test_no_upper_pins() -> None:
    for requirement in PROJECT["project"]["dependencies"]:
        assert "<" not in requirement, requirement
        assert "==" not in requirement, requirement


def test_the_version_is_written_once_more_in_the_package() -> None:
    import hub

    assert hub.__version__ == PROJECT["project"]["version"]


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["project"]["version"]
    assert citation["license"] == PROJECT["project"]["license"]


def test_the_lowest_versions_are_those_that_are_declared() -> None:
    """constraints/lowest.txt has the lower bounds of pyproject.toml."""
    project = PROJECT["project"]
    declared = [Requirement(text) for text in [*project["dependencies"], *project["optional-dependencies"]["tiff"]]]
    lines = (ROOT / "constraints" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert pinned.keys() == {requirement.name for requirement in declared}
    for requirement in declared:
        (bound,) = requirement.specifier
        assert bound.operator == ">="
        # 4.10.0.84 is a release of opencv's 4.10: the first one that there is may have more digits than the bound.
        assert Version(pinned[requirement.name]).release[: len(Version(bound.version).release)] == (
            Version(bound.version).release
        ), requirement

"""What the plugin and its tests import is declared: in its pyproject.toml, or by the hub that it depends on."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).resolve().parents[1]
ROOT = PLUGIN.parents[1]
MODULES = {  # of distributions that are imported under another name
    "backbone-hub": "hub",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
}


def project(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return data


def declared(folder: Path, *extras: str) -> set[str]:
    """The modules of the distributions that a project names."""
    data = project(folder)
    lines = [*data["dependencies"], *(line for extra in extras for line in data["optional-dependencies"][extra])]
    names = [re.split(r"[\[<>=;! ]", line)[0] for line in lines]
    return {MODULES.get(name.lower(), name.replace("-", "_")) for name in names}


def imported(folder: Path) -> dict[str, Path]:
    found = {}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update({alias.name.split(".")[0]: path for alias in node.names})
            elif isinstance(node, ast.ImportFrom) and node.module:
                found[node.module.split(".")[0]] = path
    return {name: path for name, path in found.items() if name not in sys.stdlib_module_names}


@pytest.mark.parametrize(("folder", "extras"), [("hub_medical", ("itk", "monai")), ("tests", ("test",))])
def test_every_import_is_declared(folder: str, extras: tuple[str, ...]) -> None:
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("the hub's own pyproject.toml is not beside the plugin")
    allowed = {"hub_medical", *declared(PLUGIN, *extras), *declared(ROOT)}
    missing = {name: str(path) for name, path in imported(PLUGIN / folder).items() if name not in allowed}
    assert not missing

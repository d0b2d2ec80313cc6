"""Public names are listed, described and in the changelog; tasks and plugins use only these."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import hub

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("public_api", ROOT / "tools" / "public_api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_lists_the_public_names(tool: ModuleType) -> None:
    _, _, recorded = tool.recorded()
    names = {module: sorted(its) for module, its in tool.public_names().items()}
    assert recorded == names, "run tools/public_api.py --change changelog.d/NAME.TYPE.md, and write that fragment"


def test_every_public_name_is_described(tool: ModuleType) -> None:
    for module, names in tool.public_names().items():
        for name in names:
            assert tool.summary(module, name), f"{module}.{name}"


def test_the_last_change_of_names_is_in_the_changelog(tool: ModuleType) -> None:
    version, fragment, _ = tool.recorded()
    released = version != hub.__version__  # a release collects the fragments
    assert released or (tool.FRAGMENTS / fragment).is_file(), f"changelog.d/{fragment} is gone"


def test_changed_names_are_refused_without_a_fragment(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "api.md"
    page.write_text(tool.PAGE.read_text(encoding="utf-8").replace("- `Model`:", "- `OldModel`:"), encoding="utf-8")
    monkeypatch.setattr(tool, "PAGE", page)
    monkeypatch.setattr(sys, "argv", ["public_api.py"])
    assert tool.main() == 2
    assert "public names have changed" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["public_api.py", "--change", "changelog.d/no-such.added.md"])
    assert tool.main() == 2
    assert "does not exist" in capsys.readouterr().err


def imports() -> Iterator[tuple[Path, str, str | None]]:
    """Whatever tasks, plugins and the tests of plugins import of the hub."""
    for folder in sorted([*ROOT.glob("tasks/hub_*"), *ROOT.glob("plugins/*/hub_*"), *ROOT.glob("plugins/*/tests")]):
        for path in sorted(folder.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        if alias.name.startswith("hub."):
                            yield path, alias.name, None
                elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hub":
                    for alias in node.names:
                        yield path, node.module or "", alias.name


def test_tasks_and_plugins_use_public_names_only(tool: ModuleType) -> None:
    public = tool.public_names()
    found = list(imports())
    assert len(found) > 100
    for path, source, name in found:
        where = f"{path.relative_to(ROOT)} imports {name} from {source}"
        assert name is not None, f"{where}: import names"
        assert name in public.get(source, ()), f"{where}, which docs/api.md does not list"

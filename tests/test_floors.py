"""The floors of the building: what may import what. Read from the source, so that no lazy import escapes."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# From the top: each floor may import itself and the floors before it.
FLOORS = (
    (
        "errors",
        "spec",
        "names",
        "labels",
        "files",
        "images",
        "preprocessing",
        "precision",
        "quiet",
        "seeds",
        "timm_names",
        "image_size",
        "pixel_format",
        "image_decoding",
        "tiff",
    ),
    ("registry",),
    ("contract",),
    ("backbones", "necks"),
    ("inference",),
    ("model",),
    ("data",),
    ("evaluation", "weights", "visual", "export"),
    ("engine",),
    ("cli", "testing"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
OUTSIDE = ("tasks", "plugins")
# hub/__init__.py is the door, which shows every room; hub/__main__.py only opens the command line.
DOORS = ("hub", "hub.__main__")


def modules(root: Path, base: Path) -> dict[str, Path]:
    names = {p: ".".join(p.relative_to(base).with_suffix("").parts) for p in sorted(root.rglob("*.py"))}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def imports(path: Path) -> Iterator[tuple[str, str | None]]:
    """Each (module, name imported from it or None), wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            yield from ((node.module or "", alias.name) for alias in node.names)


HUB = modules(ROOT / "hub", ROOT)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def targets(module: str) -> Iterator[str]:
    """The modules of the hub that a module of the hub imports; ``from hub.x import y`` is x.y where that is one."""
    for source, name in imports(HUB[module]):
        if source.split(".")[0] == "hub":
            yield f"{source}.{name}" if f"{source}.{name}" in HUB else source


def test_every_room_has_a_floor() -> None:
    rooms = {room(name) for name in HUB if name not in DOORS}
    assert len(rooms) > 10
    assert rooms <= FLOOR.keys(), "a new room: give it a floor in FLOORS"


@pytest.mark.parametrize("module", [name for name in HUB if name not in DOORS])
def test_a_module_imports_only_from_above(module: str) -> None:
    for target in targets(module):
        if target == "hub":
            assert FLOOR[room(module)] == len(FLOORS) - 1, f"{module} imports the door; import the room instead"
            continue
        assert FLOOR[room(target)] <= FLOOR[room(module)], f"{module} imports {target}, which is further down"


def test_rooms_of_one_floor_do_not_import_each_other_in_circles() -> None:
    above: dict[str, set[str]] = {name: set() for name in FLOOR}
    for module in HUB:
        if module not in DOORS:
            above[room(module)] |= {room(t) for t in targets(module) if t != "hub"} - {room(module)}
    seen: set[str] = set()

    def climb(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {' → '.join((*path, name))}"
        if name not in seen:
            for other in above[name]:
                climb(other, (*path, name))
            seen.add(name)

    for name in above:
        climb(name, ())


def test_the_hub_knows_no_head() -> None:
    guests = {p.name for p in (ROOT / "tasks").iterdir() if p.is_dir()}
    assert "hub_detection" in guests
    for path in HUB.values():
        for source, _ in imports(path):
            assert source.split(".")[0] not in guests | {"tasks", "plugins"}, f"{path} imports {source}"


def test_the_light_floor_is_standard_library_only() -> None:
    """At module level; `import hub` and `hub list` need nothing else."""
    for name in (*FLOORS[0], *FLOORS[1]):
        path = HUB[f"hub.{name}"]
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                source = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                assert (source or "").split(".")[0] in {*sys.stdlib_module_names, "hub"}, f"{path} imports {source}"


def outside() -> list[tuple[Path, str, str | None]]:
    found = []
    for folder in OUTSIDE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found += [(path, source, name) for source, name in imports(path) if source.split(".")[0] == "hub"]
    return found


def test_tasks_and_plugins_use_public_names_only() -> None:
    """``from hub import X`` of its ``__all__``, or ``from hub.room import X`` of that module's."""
    found = outside()
    assert found
    for path, source, name in found:
        where = f"{path.relative_to(ROOT)}: from {source} import {name}"
        assert name is not None, f"{path.relative_to(ROOT)}: import names from {source}"
        assert not any(part.startswith("_") for part in (*source.split("."), name)), f"{where}: private"
        module = importlib.import_module(source)
        public = getattr(module, "__all__", None)
        assert public is None or name in public, f"{where}: not in its __all__"
        assert hasattr(module, name), f"{where}: there is no such name"


@pytest.mark.parametrize("package", [name for name, path in HUB.items() if path.name == "__init__.py"])
def test_what_a_package_promises_it_has(package: str) -> None:
    module = importlib.import_module(package)
    missing = [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)]
    assert not missing

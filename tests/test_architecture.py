"""The layers of the project: what may import what. Read from the source, so that no lazy import escapes."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# From the lowest: each layer may import itself and the layers before it.
LAYERS = (
    (
        "errors",
        "spec",
        "names",
        "labels",
        "files",
        "images",
        "pixel_format",
        "preprocessing",
        "precision",
        "quiet",
        "seeds",
        "timm_names",
        "image_size",
        "text_files",
        "image_decoding",
        "tiff",
        "image_regions",
        "lazy",
    ),
    ("registry",),
    ("contract", "losses"),
    ("backbones", "necks"),
    ("inference",),
    ("model",),
    ("data",),
    ("evaluation", "weights", "visual", "export"),
    ("engine",),
    ("cli", "testing"),
)
LAYER = {package: number for number, packages in enumerate(LAYERS) for package in packages}
# hub/__init__.py shows names of every package; hub/__main__.py only starts the command line.
TOP = ("hub", "hub.__main__")


def modules(root: Path, base: Path) -> dict[str, Path]:
    names = {p: ".".join(p.relative_to(base).with_suffix("").parts) for p in sorted(root.rglob("*.py"))}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


HUB = modules(ROOT / "hub", ROOT)
OUTSIDE = {
    name: path
    for package in sorted([*ROOT.glob("tasks/hub_*"), *ROOT.glob("plugins/*/hub_*")])
    for name, path in modules(package, package.parent).items()
}
EVERYTHING = HUB | OUTSIDE


@cache
def imports(path: Path) -> tuple[tuple[str, str | None], ...]:
    """Each (module, name imported from it or None), wherever in the file: in functions and for type checkers too."""
    found: list[tuple[str, str | None]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            found += [(node.module or "", alias.name) for alias in node.names]
    return tuple(found)


def package_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def targets(module: str) -> Iterator[str]:
    """The modules of this project that a module imports; ``from a.b import c`` is a.b.c where that is a module."""
    for source, name in imports(EVERYTHING[module]):
        if f"{source}.{name}" in EVERYTHING:
            yield f"{source}.{name}"
        elif source in EVERYTHING:
            yield source


def circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """The strongly connected components of more than one node (Tarjan 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: set[frozenset[str]] = set()

    def visit(node: str) -> None:
        number[node] = lowest[node] = len(number)
        stack.append(node)
        for other in graph[node]:
            if other not in number:
                visit(other)
            if other in stack:
                lowest[node] = min(lowest[node], lowest[other])
        if lowest[node] == number[node]:
            start = stack.index(node)
            component = frozenset(stack[start:])
            del stack[start:]
            if len(component) > 1:
                found.add(component)

    for node in graph:
        if node not in number:
            visit(node)
    return found


def test_circles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": set(), "f": {"g"}, "g": {"f", "a"}}
    assert circles(graph) == {frozenset("abc"), frozenset("fg")}


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: set(targets(module)) for module in EVERYTHING}
    assert sum(map(len, graph.values())) > 1000
    assert not circles(graph)


def test_no_packages_of_the_hub_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {name: set() for name in LAYER}
    for module in HUB:
        if module not in TOP:
            graph[package_of(module)] |= {package_of(t) for t in targets(module) if t != "hub"}
    assert not circles(graph)


def test_every_package_has_a_layer() -> None:
    packages = {package_of(name) for name in HUB if name not in TOP}
    assert len(packages) > 10
    assert packages <= LAYER.keys(), "a new package: give it a layer in LAYERS"


@pytest.mark.parametrize("module", [name for name in HUB if name not in TOP])
def test_a_module_imports_only_from_its_layer_and_below(module: str) -> None:
    for target in targets(module):
        if target == "hub":
            assert LAYER[package_of(module)] == len(LAYERS) - 1, f"{module} imports hub; import its package instead"
            continue
        assert LAYER[package_of(target)] <= LAYER[package_of(module)], f"{module} imports {target}, a higher layer"


def test_the_hub_imports_no_head() -> None:
    outside = {name.split(".")[0] for name in OUTSIDE}
    assert {"hub_detection", "hub_medical"} <= outside
    for path in HUB.values():
        for source, _ in imports(path):
            assert source.split(".")[0] not in outside | {"tasks", "plugins"}, f"{path} imports {source}"


def test_the_lowest_layers_are_standard_library_only() -> None:
    """At module level; `import hub` and `hub list` need nothing else."""
    for name in (*LAYERS[0], *LAYERS[1]):
        path = HUB[f"hub.{name}"]
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                source = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                assert (source or "").split(".")[0] in {*sys.stdlib_module_names, "hub"}, f"{path} imports {source}"


@pytest.mark.parametrize("package", [name for name, path in HUB.items() if path.name == "__init__.py"])
def test_a_package_has_what_its_all_lists(package: str) -> None:
    module = importlib.import_module(package)
    missing = [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)]
    assert not missing


def annotations(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """The annotations of public functions, methods and attributes, each with the name of its owner."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from annotations(node.body)
            yield from ((node.name, a.annotation) for a in node.body if isinstance(a, ast.AnnAssign))
        elif isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name.endswith("__")):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
            yield from ((node.name, a.annotation) for a in given if a is not None and a.annotation is not None)
            if node.returns is not None:
                yield node.name, node.returns


@pytest.mark.parametrize("prefix", ["hub.contract", "hub.model", "hub.inference", "hub.registry", "hub.spec", "hub"])
def test_the_contract_has_no_any_in_public_signatures(prefix: str) -> None:
    chosen = [HUB["hub"]] if prefix == "hub" else [path for name, path in HUB.items() if name.startswith(prefix)]
    assert chosen
    for path in chosen:
        for name, annotation in annotations(ast.parse(path.read_text(encoding="utf-8")).body):
            used = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
            assert "Any" not in used, f"{path.relative_to(ROOT)}: {name}"

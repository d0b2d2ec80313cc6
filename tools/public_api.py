"""Write docs/api.md: every public name of the hub with one line about it.

    python tools/public_api.py --change FRAGMENT   names have been added, renamed or removed
    python tools/public_api.py                     only their descriptions have changed

FRAGMENT is the file in changelog.d/ that tells users about the change. Public are the names in the ``__all__`` of `hub`
and of those of its packages and top-level modules that have one. Everything else may change at any time.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import re
import sys
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "api.md"
FRAGMENTS = ROOT / "changelog.d"

_HEADER = """\
# Public names

<!-- Written by tools/public_api.py. Names as of version {version} with changelog.d/{fragment} -->

`hub` and the packages below are the public API: the names listed here, their documented arguments, attributes and
errors, the entry point groups `backbone_hub.*.v1` and the specs in `hub.spec`, the keys of configs, and the format of
checkpoints and run folders. Everything else, such as a module `hub.x.y` that is not listed or a name with a leading
underscore, is internal and may change in any release.

Versions follow [SemVer](https://semver.org). Until 1.0.0 a minor version may break the public API; from then on only a
major version does.

**Deprecation.** A public name or option that is going to be removed first works for at least two minor versions and six
months beside its replacement, and warns with `DeprecationWarning` (options: a line in the log) that names the
replacement and the version of removal. A fragment `changelog.d/NAME.deprecated.md` announces it, and
`changelog.d/NAME.removed.md` the removal. A new version of the plugin contract gets entry point groups of its own
(`backbone_hub.tasks.v2`); the hub reads the version before it for at least one major version. A newer hub loads,
evaluates and resumes checkpoints and run folders that this format's tests keep (`tests/data_files`).

A change of the names below needs a changelog fragment:
`python tools/public_api.py --change changelog.d/NAME.added.md`.
"""


def public_modules() -> list[str]:
    """Return `hub`, and its packages and top-level modules that have an ``__all__``, sorted."""
    found = []
    for path in sorted((ROOT / "hub").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__main__" or (parts[-1] != "__init__" and len(parts) > 2):
            continue
        body = ast.parse(path.read_text(encoding="utf-8")).body
        if any(isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__" for n in body):
            found.append(".".join(parts).removesuffix(".__init__"))
    return sorted(found)


def public_names() -> dict[str, list[str]]:
    """Return module → its public names."""
    return {module: list(importlib.import_module(module).__all__) for module in public_modules()}


def summary(module: str, name: str) -> str:
    """Return the first line of a name's documentation.

    Raises:
        LookupError: it has none.
    """
    value = getattr(importlib.import_module(module), name)
    if (inspect.isclass(value) or inspect.isroutine(value)) and value.__module__.startswith("hub"):
        line = (value.__doc__ or "").strip().partition("\n")[0]
    else:
        line = _of_constant(*_definition(module, name))
    if not line:
        raise LookupError(f"{module}.{name} has no docstring")
    return re.sub(r"``([^`]*)``", r"`\1`", line)


def _definition(module: str, name: str) -> tuple[str, str]:
    """Follow imports to the module in which a name is assigned."""
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _definition(node.module or "", alias.name)
    return module, name


def _of_constant(module: str, name: str) -> str:
    """Return the first line of the string below an assignment."""
    body = _tree(module).body
    for node, following in pairwise(body):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if target is not None and ast.unparse(target) == name and isinstance(following, ast.Expr):
            return str(ast.literal_eval(following.value)).strip().partition("\n")[0]
    return ""


def _tree(module: str) -> ast.Module:
    return ast.parse(Path(str(importlib.import_module(module).__file__)).read_text(encoding="utf-8"))


def page(fragment: str, version: str) -> str:
    """Return the text of docs/api.md.

    Raises:
        LookupError: a public name without documentation.
    """
    sections = [_HEADER.format(version=version, fragment=fragment)]
    for module, names in public_names().items():
        title = (importlib.import_module(module).__doc__ or "").strip().partition("\n")[0]
        rows = [f"- `{name}`: {summary(module, name)}" for name in sorted(names)]
        sections.append("\n".join((f"## {module}\n\n{title}\n", *rows, "")))
    return "\n".join(sections)


def recorded() -> tuple[str, str, dict[str, list[str]]]:
    """Return the version, the fragment, and module → names, as docs/api.md has them."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(r"as of version (\S+) with changelog\.d/(\S+) -->", text)
    if found is None:
        raise LookupError(f"{PAGE.name} does not record its version and fragment")
    names = {}
    for section in text.split("\n## ")[1:]:
        module, _, rest = section.partition("\n")
        names[module.strip()] = re.findall(r"^- `(\w+)`:", rest, flags=re.MULTILINE)
    return found[1], found[2], names


def main() -> int:
    """Write the page; refuse changed names without a fragment."""
    import hub

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--change", type=Path, metavar="FRAGMENT", help="file in changelog.d/ that tells of the change")
    fragment = parser.parse_args().change
    if fragment is None:
        version, name, names = recorded()
        if names != {module: sorted(its) for module, its in public_names().items()}:
            print("error: public names have changed\n  fix: give --change changelog.d/NAME.TYPE.md", file=sys.stderr)
            return 2
    else:
        version, name = hub.__version__, fragment.name
        if not (FRAGMENTS / name).is_file():
            print(f"error: changelog.d/{name} does not exist\n  fix: write it first", file=sys.stderr)
            return 2
    PAGE.write_text(page(name, version), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Temporary distributions for tests, installed without pip: a folder on the path with package metadata."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from hub.registry import refresh


@contextlib.contextmanager
def distribution(
    folder: Path,
    name: str,
    *,
    version: str = "1.0",
    files: Mapping[str, str] | None = None,
    entry_points: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[Path]:
    """Install a distribution inside the ``with`` block, as the registry and `importlib.metadata` see it.

    Args:
        folder: where to write it; use an empty folder for each distribution.
        name: name of the distribution.
        version: its version.
        files: path below ``folder`` → source text of a module.
        entry_points: group → name → ``module:attribute``.

    Yields:
        The folder. At the end of the block, the distribution is removed from the path and its modules are unloaded.

    >>> import tempfile, hub
    >>> spec = "from hub import TaskSpec\\nmine = TaskSpec(name='mine', kind='k', summary='s', target='m:T')"
    >>> with distribution(Path(tempfile.mkdtemp()), "my-plugin", files={"my_specs.py": spec},
    ...                   entry_points={"backbone_hub.tasks.v1": {"mine": "my_specs:mine"}}):
    ...     hub.info("mine").id
    'my_plugin:mine'
    """
    for path, text in (files or {}).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    lines = [
        f"[{group}]\n" + "".join(f"{point} = {value}\n" for point, value in points.items())
        for group, points in (entry_points or {}).items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    sys.path.insert(0, str(folder))
    refresh()
    try:
        yield folder
    finally:
        sys.path.remove(str(folder))
        for module, loaded in list(sys.modules.items()):
            if str(getattr(loaded, "__file__", None) or "").startswith(str(folder)):
                del sys.modules[module]
        refresh()

"""``python tools/release_notes.py VERSION``: print the section of a version in CHANGELOG.md.

Fails when the version is not the one that is declared, or has no section: a tag that was pushed by mistake publishes
nothing.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def release_notes(version: str, *, declared: str, changelog: str) -> str:
    """Return the section of a version.

    Args:
        version: without the ``v`` of the tag.
        declared: the version in pyproject.toml.
        changelog: content of CHANGELOG.md.

    Raises:
        ValueError: the version is not the declared one, or has no section.

    >>> text = "# Changelog\\n\\n## 0.2.0 (2030-01-02)\\n\\n- new\\n\\n## 0.1.0 (2030-01-01)\\n\\n- old\\n"
    >>> release_notes("0.2.0", declared="0.2.0", changelog=text)
    '- new'
    """
    if version != declared:
        raise ValueError(f"the tag is for version {version}, but pyproject.toml declares {declared}")
    for section in changelog.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        if title.split()[0] == version:
            return body.strip()
    raise ValueError(f"CHANGELOG.md has no section of version {version}: run make changelog VERSION={version}")


def main() -> None:
    """Print the notes of the version given."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    try:
        notes = release_notes(
            sys.argv[1], declared=project["version"], changelog=(ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        )
    except ValueError as error:
        sys.exit(f"error: {error}")
    print(notes)


if __name__ == "__main__":
    main()

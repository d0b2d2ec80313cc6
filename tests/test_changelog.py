"""The entries of the next release can be rendered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def draft() -> str:
    """Return the output of `make changelog`."""
    pytest.importorskip("towncrier", reason="renders the changelog")
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "unreleased"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_every_entry_is_rendered(draft: str) -> None:
    """A file of an unknown type would be left out silently."""
    entries = {path for path in (ROOT / "changelog.d").iterdir() if path.name not in ("README.md", "template.md.jinja")}
    for path in entries:
        first, *rest = path.read_text(encoding="utf-8").strip().splitlines()
        assert "\n".join([f"- {first}", *(f"  {line}" if line else "" for line in rest)]) in draft, path.name

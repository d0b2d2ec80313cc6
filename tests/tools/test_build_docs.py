"""The links of the pages exist, and a broken link is reported."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def build_docs() -> ModuleType:
    """Import the script, which is not in a package."""
    spec = importlib.util.spec_from_file_location("build_docs", ROOT / "tools" / "build_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_of_this_repository_link_to_what_exists(build_docs: ModuleType, tmp_path: Path) -> None:
    build_docs.collect(ROOT, tmp_path / "pages")
    assert (tmp_path / "pages" / "README.md").is_file()
    assert (tmp_path / "pages" / "docs" / "results.md").is_file()


@pytest.mark.parametrize(
    "link", ["[a](missing.md)", "![a](docs/missing.png)", '<img src="missing.png">', "[a](../out.md)"]
)
def test_a_link_to_a_missing_file_is_an_error(build_docs: ModuleType, tmp_path: Path, link: str) -> None:
    (tmp_path / "out.md").touch()
    root = tmp_path / "repository"
    root.mkdir()
    (root / "README.md").write_text(f"# Title\n\n{link}\n")
    with pytest.raises(FileNotFoundError, match=r"README\.md links to"):
        build_docs.collect(root, tmp_path / "pages")


def test_links_in_code_are_no_links(build_docs: ModuleType) -> None:
    text = "```\n[a](b.md)\n```\n`[c](d.md)` [e](f.md)"
    assert list(build_docs.local_links(text)) == ["f.md"]


def test_a_link_between_two_blocks_of_code_is_found(build_docs: ModuleType) -> None:
    text = "Text\n\n```python\n[a](b)\n```\n\n![picture](docs/c.jpg)\n\n```\n[d](e)\n```\n"
    assert list(build_docs.local_links(text)) == ["docs/c.jpg"]


def test_dead_links_of_a_site(build_docs: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "guide").mkdir()
    (tmp_path / "guide" / "index.html").write_text('<h2 id="install">Install</h2><a href="../#top">up</a>')
    (tmp_path / "index.html").write_text(
        '<h1 id="top">Home</h1><a href="guide/">a</a><a href="guide/#install">b</a><a href="#top">c</a>'
        '<a href="guide/#removed">d</a><a href="old/">e</a><img src="picture.png"><a href="https://example.org/x">f</a>'
    )
    assert build_docs.dead_links(tmp_path) == [
        "index.html: guide/#removed",
        "index.html: old/",
        "index.html: picture.png",
    ]

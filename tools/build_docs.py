"""``make docs``: build the site from the Markdown files of the repository, and check its links.

The pages keep their places relative to each other, so links that work on a code host work on the site. A file that
is not a page, such as a config, is copied when a page links to it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("*.md", "docs/**/*.md", "changelog.d/README.md", "plugins/*/README.md")
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|<(?:img|a)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^([ \t]*)(```|~~~).*?^\1\2[ \t]*$", re.MULTILINE | re.DOTALL)


def local_links(markdown: str) -> Iterator[str]:
    """Yield the targets of links and images that name no other host, outside code.

    >>> list(local_links("[a](docs/a.md#b) ![c](c.png) [d](https://example.org) `[e](f)`"))
    ['docs/a.md#b', 'c.png']
    """
    text = re.sub(r"`[^`\n]+`", "", FENCE.sub("", markdown))
    for match in LINK.finditer(text):
        target = match[1] or match[2]
        if not urlsplit(target).scheme and not target.startswith("//"):
            yield target


def collect(root: Path, folder: Path) -> None:
    """Copy the pages and the files that they link to from the repository into a folder.

    Raises:
        FileNotFoundError: a page links to what does not exist.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for page in sorted({page for pattern in PAGES for page in root.glob(pattern)}):
        wanted = [page]
        for link in local_links(page.read_text(encoding="utf-8")):
            path = unquote(urlsplit(link).path)
            if not path:
                continue
            target = (page.parent / path).resolve()
            if not target.exists() or not target.is_relative_to(root):
                raise FileNotFoundError(f"{page.relative_to(root)} links to {link}, which does not exist")
            if target.is_file():
                wanted.append(target)
        for file in wanted:
            place = folder / file.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)


class _Page(HTMLParser):
    """The links and the anchors of one page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


def dead_links(site: Path) -> list[str]:
    """Return the broken links of a built site, one line each."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    dead = []
    for path, page in pages.items():
        if path.name == "404.html":  # served at any depth, so its links start at the host's root
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            anchor = unquote(parts.fragment)
            if not target.is_file() or (anchor and target in pages and anchor not in pages[target].anchors):
                dead.append(f"{path.relative_to(site)}: {link}")
    return dead


def main() -> None:
    """Build and check the site; exit with status 1 if a link is broken or the build warns."""
    site = ROOT / "build" / "site"
    shutil.rmtree(site, ignore_errors=True)
    try:
        collect(ROOT, ROOT / "build" / "pages")
    except FileNotFoundError as error:
        sys.exit(f"error: {error}")
    subprocess.run([sys.executable, "-m", "zensical", "build", "--clean", "--strict"], cwd=ROOT, check=True)
    dead = dead_links(site)
    if dead:
        sys.exit("\n".join(["error: dead links", *dead]))
    print(f"{len(list(site.rglob('*.html')))} pages in {site.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

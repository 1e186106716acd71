"""A page as a browser would see it, for tests."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from csvswarm.report.render import PAGE

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}"


class Page(HTMLParser):
    """The elements of a page, and its text without scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._raw = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._raw = tag in ("script", "style")

    def handle_endtag(self, _: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._raw else data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())

    def check_safe(self) -> None:
        """Check that only the page's own script runs, and that nothing is fetched."""
        names = [tag for tag, _ in self.elements]
        assert names.count("script") == 2
        assert not {"img", "iframe", "object", "embed", "base", "form"} & {*names}
        for tag, attributes in self.elements:
            assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcdoc")], tag
            assert (attributes.get("href") or "data:,").startswith("data:,"), tag


def page(directory: Path) -> Page:
    return Page((directory / PAGE).read_text())

"""The links and the names in docs/ exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.jobs import ROOT

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/recipes").glob("*.md")),
    ROOT / "files/processors/README.md",
]


def test_module_table_lists_every_module_once() -> None:
    text = (ROOT / "docs/architecture.md").read_text().split("## The modules")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE)

    named = [name for cell in cells for name in re.findall("`(.*?)`", cell)]
    package = ROOT / "scripts/csvswarm"
    paths = [path.relative_to(package).with_suffix("") for path in package.rglob("[a-z]*.py")]
    assert sorted(named) == sorted(".".join(path.parts) for path in paths if path.parts[0] != "native")


def test_script_table_lists_every_script() -> None:
    text = (ROOT / "docs/architecture.md").read_text()

    named = re.findall(r"^\| `(\w+\.py)` \|", text, re.MULTILINE)
    assert sorted(named) == sorted(path.name for path in (ROOT / "scripts").glob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    text = page.read_text()

    links = [link for link in re.findall(r"\]\((?!https?:)([^)#]+)", text) if not (page.parent / link).exists()]
    roots = r"(?:docs|files|inventory|requirements|roles|scripts|tests)"
    paths = {path for path in re.findall(rf"\b{roots}/[\w./-]+\.\w+", text) if not (ROOT / path).exists()}
    # The user makes it; git ignores it.
    assert (links, paths - {"inventory/hosts.yml"}) == ([], set())

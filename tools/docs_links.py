"""A hook of MkDocs: links from docs/ to files outside of it become plain text, because only docs/ is in the site."""

from __future__ import annotations

import re
from typing import Any

OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?:files|roles|scripts|molecule|requirements|README)[^)]*\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page without its links to files outside docs/."""
    return OUTSIDE.sub(r"\1", markdown)

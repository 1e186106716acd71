"""Where csvswarm keeps files of a user that it can recreate."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory(name: str) -> Path | None:
    """Return the directory for a kind of files, which may not exist yet; None for a user without a home."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111  # accepts a missing home
    return Path(cache) / "csvswarm" / name if cache.startswith("/") else None

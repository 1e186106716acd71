"""Runs of `transform` on a file that a test writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.jobs import Result, run_with_all_cuts


def transform(directory: Path, source: Path, *, request: dict[str, Any] | None = None, **options: Any) -> Result:
    return run_with_all_cuts(directory, source, processor="transform", options=options, **(request or {}))


def written(directory: Path, text: str) -> Path:
    path = directory / "data.csv"
    path.write_bytes(text.encode())
    return path

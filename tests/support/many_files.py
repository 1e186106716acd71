"""Inputs of many files: written, and processed with several divisions into chunks."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.jobs import Result, run_with_all_cuts

CUTS = ((1, 1 << 20), (3, 64), (7, 16))
PLAIN = "def process(block, context):\n    return block\n"


def write(directory: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files into a new folder, and return it."""
    folder = directory / "data"
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def run(directory: Path, source: Path | Sequence[Path], code: str = PLAIN, **request: Any) -> Result:
    """The result of a job, the same for all cuts."""
    directory.mkdir(exist_ok=True)
    processor = directory / "mine.py"
    processor.write_text(code)
    return run_with_all_cuts(directory, source, cuts=CUTS, processor=str(processor), **request)


def record(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / f"job-1-{1 << 20}-out/job.json").read_text())
    return found


def rows(text: str, **dialect: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), **dialect))


FIRST = 'id,name\n1,x\n2,"y, z"\n3,"two\nlines"\n'
SECOND = "id,name\n4,u\n5,v"

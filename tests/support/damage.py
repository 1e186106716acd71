"""A job whose files a test damages."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.jobs import Scripts

DATA = "id,x\n" + "".join(f"{number},{number}\n" for number in range(100, 1000))
AGGREGATE = ("--processor", "aggregate", "--options", '{"group_by": "id", "metrics": {"x": "sum"}}')


def split(scripts: Scripts, *arguments: str) -> Path:
    source = scripts.directory / "data.csv"
    source.write_text(DATA)
    assert scripts.split(source, "--chunks", "3", *arguments).answer["chunks"] == 3
    return source


def change(path: Path, data: bytes) -> None:
    """Change a file without changing its size and times."""
    times = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def receipts(scripts: Scripts) -> list[str]:
    return sorted(path.name for path in (scripts.job / "receipts").iterdir())

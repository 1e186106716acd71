"""Merged files: a file of concatenated partials, and a log with one line per partial.

The file of a logged partial may be gone, so logged ranges are never overwritten, and only the process that created both
files writes to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from csvswarm.job.directory import JobDirectory
from csvswarm.job.durable_files import NotRegular, read_regular
from csvswarm.job.receipt import Receipt

#: The primary merged file may have the only copy of a partial; a run that finds one creates the secondary.
PRIMARY, SECONDARY = "merged", "merged-secondary"


@dataclass(frozen=True)
class MergedPart:
    """A partial in a merged file, at offset and bytes. checksum: xxh3_128 of these bytes."""

    chunk: int
    generation: int
    attempt: str
    offset: int
    bytes: int
    checksum: str

    def is_of(self, receipt: Receipt) -> bool:
        """Whether this is the partial named by a receipt."""
        entry = receipt.files.get("partial", {})
        mine = self.chunk, self.generation, self.attempt, self.bytes, self.checksum
        return mine == (
            receipt.chunk,
            receipt.generation,
            receipt.attempt,
            entry.get("bytes"),
            entry.get("checksum"),
        )


@dataclass(frozen=True)
class MergedTotal:
    """The complete merged file, with all partials and on disk. rows: without the header."""

    rows: int
    bytes: int
    checksum: str


@dataclass(frozen=True)
class MergedFile:
    """A merged file of a job, and its log. name: PRIMARY or SECONDARY."""

    job: Path
    name: str

    @property
    def data(self) -> Path:
        return self.job / f"{self.name}.csv"

    @property
    def log(self) -> Path:
        return self.job / f"{self.name}.log"

    def read(self) -> tuple[list[MergedPart], MergedTotal | None]:
        """Return its partials, in order, and the total if it is complete.

        An incomplete last line, left by a kill, is ignored.
        """
        parts: list[MergedPart] = []
        try:
            lines = read_regular(self.log).split(b"\n")[:-1]
        except (FileNotFoundError, NotRegular):
            return parts, None
        for line in lines:
            try:
                entry = json.loads(line)
                if "chunk" not in entry:
                    return parts, MergedTotal(**entry)
                parts.append(MergedPart(**entry))
            except (ValueError, TypeError, RecursionError):
                break  # damaged: its partial is lost, which its readers detect
        return parts, None

    def parts_of(self, chunk: int) -> list[MergedPart]:
        """Return its partials of a chunk. The log is reread only if it has changed."""
        try:
            now = self.log.stat()
        except FileNotFoundError:
            return []
        return _parts_by_chunk(self, (now.st_ino, now.st_size, now.st_mtime_ns)).get(chunk, [])

    def remove(self) -> None:
        """Remove both files, which must no longer be needed."""
        self.data.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)  # last: while the log exists, no other process creates a file of that name


@lru_cache(maxsize=2)
def _parts_by_chunk(merged: MergedFile, _now: tuple[int, int, int]) -> dict[int, list[MergedPart]]:
    found: dict[int, list[MergedPart]] = {}
    for part in merged.read()[0]:
        found.setdefault(part.chunk, []).append(part)
    return found


def merged_files(job: JobDirectory) -> list[MergedFile]:
    """Return the merged files that a job may have."""
    return [MergedFile(job.directory, name) for name in (PRIMARY, SECONDARY)]


def locate(job: JobDirectory, receipt: Receipt) -> Iterator[tuple[Path, int]]:
    """Yield the locations in merged files of the partial named by a receipt: (path, offset)."""
    for merged in merged_files(job):
        for part in merged.parts_of(receipt.chunk):
            if part.is_of(receipt):
                yield merged.data, part.offset


def append_entry(log: BinaryIO, entry: MergedPart | MergedTotal) -> None:
    """Append a line to a log opened without a buffer. Raises OSError if the line was cut off."""
    line = json.dumps(asdict(entry)).encode() + b"\n"
    if log.write(line) != len(line):
        raise OSError(f"a line of {getattr(log, 'name', 'a log')} was cut off")

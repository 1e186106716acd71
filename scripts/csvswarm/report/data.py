"""The data of a report: the record of a job, the start of its result, and the rejected records with reasons."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from csvswarm.csv_format.dialect import MAX_NAME_CHARS
from csvswarm.errors import printable, shown
from csvswarm.job.durable_files import open_regular

#: Bytes that are read of a result and of the rejected records, and rows of a result that are shown.
RESULT_BYTES, REJECTED_BYTES, FIRST_ROWS = 1 << 20, 4 << 20, 10
#: Examples of each reason, and reasons.
EXAMPLES, REASONS = 3, 20
#: Of logs: how many, and bytes of each one's end.
LOGS, LOG_BYTES = 20, 1500
#: What is in a reason but not part of its kind: values and numbers.
_DETAIL = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")


@dataclass
class Table:
    """The start of a CSV file. complete: whether that is all of it."""

    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    complete: bool = True


@dataclass
class Reason:
    """Why records were set aside. examples: (record, column, reason, text)."""

    reason: str
    count: int = 0
    examples: list[tuple[str, str, str, str]] = field(default_factory=list)


@dataclass
class Material:
    """record: job.json. directory: where it and the result are. logs: (name, last lines) of failed attempts."""

    record: dict[str, Any]
    directory: Path
    result: Table | None = None
    reasons: list[Reason] = field(default_factory=list)
    reasons_complete: bool = True
    logs: list[tuple[str, str]] = field(default_factory=list)

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """The attempts that the record lists, none for a job that was not split."""
        found: list[dict[str, Any]] = self.record.get("attempts", [])
        return found


def gather(record: dict[str, Any], directory: Path, logs: Path) -> Material:
    """Return the data of a report. directory: that of the record, and of the result if there is one."""
    material = Material(record, directory, logs=list(_logs(logs)))
    if record.get("result"):
        material.result = read_table(directory / record["result"]["name"], RESULT_BYTES)
    if record.get("rejected_file"):
        table = read_table(directory / record["rejected_file"]["name"], REJECTED_BYTES)
        material.reasons, material.reasons_complete = count_reasons(table.rows), table.complete
    return material


def read_table(path: Path, limit: int) -> Table:
    """Return the whole records in the first `limit` bytes of a canonical CSV file; an empty table when unreadable."""
    try:
        with open_regular(path) as file:
            data = file.read(limit + 1) or b""
    except OSError:
        return Table()
    text = data[:limit].decode("utf-8-sig", errors="replace")
    complete = len(data) <= limit
    csv.field_size_limit(max(limit, MAX_NAME_CHARS))
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    if not complete:
        rows = rows[:-1]  # it may be cut
    return Table(rows[0], rows[1:], complete) if rows else Table(complete=complete)


def count_reasons(rows: Iterable[list[str]]) -> list[Reason]:
    """Return the reasons of rejected records (record, column, reason, text), the most frequent first."""
    found: dict[str, Reason] = {}
    for row in rows:
        if len(row) != 4:
            continue
        record, column, why, text = row
        kind = _DETAIL.sub("…", why)
        reason = found.setdefault(kind, Reason(printable(shown(kind))))
        reason.count += 1
        if len(reason.examples) < EXAMPLES:
            reason.examples.append((record, shown(column), printable(shown(why)), printable(shown(text))))
    return sorted(found.values(), key=lambda reason: -reason.count)[:REASONS]


def _logs(directory: Path) -> Iterable[tuple[str, str]]:
    """Yield the ends of the logs of failed attempts, the newest first."""
    try:
        names = sorted((path for path in directory.glob("*.log")), key=lambda path: path.lstat().st_mtime, reverse=True)
    except OSError:
        return
    for path in names[:LOGS]:
        try:
            with open_regular(path) as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - LOG_BYTES))
                yield path.name, printable((file.read() or b"").decode("utf-8", errors="replace").strip())
        except OSError:
            continue

"""The data of a report: the record of a job, the start of its result, and the rejected records with reasons."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from csvswarm.csv_format.dialect import MAX_NAME_CHARS
from csvswarm.errors import printable, shown
from csvswarm.job.durable_files import open_regular
from csvswarm.job.rejections import kind_of

#: Bytes to read of a result and of the rejected records, and rows of a result to show.
RESULT_BYTES, REJECTED_BYTES, FIRST_ROWS = 1 << 18, 4 << 20, 10
#: Maximum numbers of examples per reason, of reasons, and of characters of a whole message.
EXAMPLES, REASONS, MESSAGE_CHARS = 3, 20, 1500
#: Maximum number of logs, and bytes of the end of each.
LOGS, LOG_BYTES = 20, 1500


@dataclass
class Table:
    """The start of a CSV file. complete: whether that is the whole file."""

    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    complete: bool = True


@dataclass
class Reason:
    """A reason for rejected records. record, message: number of the first one, and its whole message.

    text: of the first one, "" when unknown. examples: (record, message, text) of others.
    """

    reason: str
    count: int
    record: int
    message: str
    text: str = ""
    examples: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass
class Material:
    """record: job.json. directory: where it and the result are. logs: (name, last lines) of failed attempts.

    remedy: what to do after a failure, "" if a resume is enough. stages: additional ones of the control node, in the
    form of the record. seconds: of each stage as the user waited for it, in order, if known. commands: those that
    repeat and resume the job, None for those of run_job.yml.
    """

    record: dict[str, Any]
    directory: Path
    result: Table | None = None
    reasons: list[Reason] = field(default_factory=list)
    logs: list[tuple[str, str]] = field(default_factory=list)
    remedy: str = ""
    stages: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    commands: dict[str, str] | None = None

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """The attempts that the record lists, none for a job that was not split."""
        found: list[dict[str, Any]] = self.record.get("attempts", [])
        return found


def gather(record: dict[str, Any], directory: Path, logs: Path) -> Material:
    """Return the data of a report. directory: that of the record, and of the result if there is one."""
    material = Material(record, directory, logs=list(_logs(logs)))
    if record.get("result"):
        # The record has the first rows of a result in another format than CSV.
        preview = record.get("preview")
        path = directory / record["result"]["name"]
        material.result = read_table(path, RESULT_BYTES) if preview is None else table_of(preview, record["rows_out"])
    table = Table()
    if record.get("rejected_file"):
        table = read_table(directory / record["rejected_file"]["name"], REJECTED_BYTES)
    material.reasons = reasons_of(record.get("rejected_reasons", []), table.rows)
    return material


def read_table(path: Path, limit: int) -> Table:
    """Return the whole records in the first `limit` bytes of a canonical CSV file; an empty table when unreadable."""
    try:
        with open_regular(path) as file:
            data = file.read(limit + 1) or b""
    except OSError:
        return Table()
    complete = len(data) <= limit
    rows = _rows(data[:limit].decode("utf-8-sig", errors="replace"))
    if not complete:
        rows = rows[:-1]  # it may be incomplete
    return Table(rows[0], rows[1:], complete) if rows else Table(complete=complete)


def table_of(text: str, count: int) -> Table:
    """Return the whole records in the start of a result's text. count: number of rows of the whole result."""
    rows = _rows(text)
    complete = len(rows) > count
    if not complete:
        rows = rows[:-1]
    return Table(rows[0], rows[1:], complete) if rows else Table(complete=complete)


def _rows(text: str) -> list[list[str]]:
    csv.field_size_limit(max(len(text), MAX_NAME_CHARS))
    return [row for row in csv.reader(io.StringIO(text, newline="")) if row]


def reasons_of(kinds: list[dict[str, Any]], rows: Iterable[list[str]]) -> list[Reason]:
    """Return the kinds of reasons that the record counts, with examples from the rejected records.

    kinds: `rejected_reasons` of the record. rows: (record, column, reason, text), as in rejected.csv.
    """
    found = {
        kind["reason"]: Reason(
            printable(shown(kind["reason"])),
            kind["records"],
            kind["record"],
            printable(kind["example"][:MESSAGE_CHARS]).strip(),
        )
        for kind in kinds[:REASONS]
    }
    for row in rows:
        if len(row) != 4:
            continue
        record, column, why, text = row
        reason = found.get(kind_of(column, why))
        if reason is None:
            continue
        if record == str(reason.record):
            reason.text = printable(shown(text))
        elif len(reason.examples) < EXAMPLES - 1:
            reason.examples.append((record, printable(shown(why)), printable(shown(text))))
    return [*found.values()]


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

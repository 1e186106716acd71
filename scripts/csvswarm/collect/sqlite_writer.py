"""Writes a result as a table in an SQLite file, and reads such a file back."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from csvswarm.collect.format_writers import Report
from csvswarm.collect.result_layout import Layout
from csvswarm.csv_format.canonical_text import to_canonical_text
from csvswarm.errors import JobError
from csvswarm.runtime.lazy_imports import pa, pc

TABLE = "result"
#: Column types. SQLite stores booleans as 0 and 1, and timestamps as text that its date functions read.
_TYPES = {"int": "INTEGER", "float": "REAL", "bool": "BOOLEAN", "timestamp": "TIMESTAMP", "text": "TEXT"}
#: Fixed, so that the file does not depend on the library's defaults; the file has a temporary name until it is
#: complete.
_SETTINGS = ("page_size=4096", "encoding='UTF-8'", "auto_vacuum=NONE", "journal_mode=OFF", "synchronous=OFF")


class SqliteWriter:
    """Inserts the rows in their order, in one transaction."""

    def __init__(self, database: sqlite3.Connection, layout: Layout) -> None:
        self._database, self._kinds = database, [column.kind for column in layout.columns]
        columns = ", ".join(f"{quoted(column.name)} {_TYPES[column.kind]}" for column in layout.columns)
        database.execute(f"CREATE TABLE {TABLE} ({columns})")
        self._insert = " ".join(["INSERT INTO", TABLE, "VALUES", f"({', '.join('?' * len(self._kinds))})"])

    def write(self, table: pa.Table) -> None:
        """Insert the rows of a table."""
        columns = [_values(table.column(index), kind) for index, kind in enumerate(self._kinds)]
        self._database.executemany(self._insert, zip(*columns, strict=True))


def _values(column: pa.ChunkedArray, kind: str) -> list[Any]:
    array = column.combine_chunks()
    if kind == "timestamp":
        array = to_canonical_text(array, kind)
    elif kind == "bool":
        array = pc.cast(array, pa.int8())
    values: list[Any] = array.to_pylist()
    return values


def quoted(name: str) -> str:
    """Return a name quoted for SQL."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


@contextmanager
def sqlite_writer(path: Path, layout: Layout) -> Iterator[SqliteWriter]:
    """Yield a writer of an SQLite file. Raises OSError when the disk is full, JobError for other errors of SQLite."""
    with _errors(path), closing(sqlite3.connect(path, isolation_level=None)) as database:
        for setting in _SETTINGS:
            database.execute(f"PRAGMA {setting}")
        database.execute("BEGIN")
        yield SqliteWriter(database, layout)
        database.execute("COMMIT")


def sqlite_rows(path: Path, _: Report) -> int:
    """Return the number of rows in an SQLite file. Raises JobError if it is damaged."""
    with _errors(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        (state,) = database.execute("PRAGMA integrity_check").fetchone()
        if state != "ok":
            raise JobError(f"{path} is damaged after it was written ({state}). Rerun with the same job_id.")
        (rows,) = database.execute("SELECT count(*) FROM result").fetchone()
    return int(rows)


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, "no space left", str(path)) from error
        raise JobError(f"{path} cannot be written: {error}. Rerun with the same job_id.") from error

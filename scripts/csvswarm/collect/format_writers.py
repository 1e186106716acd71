"""Writes a result's text as a file of another format, and reads such a file back."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import xxhash

from csvswarm.collect.result_layout import Layout
from csvswarm.csv_format.canonical_text import join_columns, to_canonical_text
from csvswarm.csv_format.row_writer import value_bytes
from csvswarm.job.checksums import file_entry
from csvswarm.runtime import progress
from csvswarm.runtime.lazy_imports import pa, pc

COPY_BYTES = 1 << 20
#: How many rows are read between two reports of progress.
REPORT_ROWS = 1 << 13
#: gzip's default level: higher ones take several times as long to save a few percent.
GZIP_LEVEL = 6
#: Fixed, so that a later pyarrow with other defaults writes the same bytes.
PARQUET: dict[str, Any] = {
    "version": "2.6",
    "compression": "snappy",
    "use_dictionary": True,
    "write_statistics": True,
    "data_page_version": "1.0",
    "store_schema": False,
}


#: Called with the number of rows that were read since the last call.
Report = Callable[[int], None]


class TableWriter(Protocol):
    """Writes typed tables to a file."""

    def write(self, table: pa.Table) -> None: ...


def write_text(source: Path, target: Path, output_format: str) -> None:
    """Copy a CSV file, compressed as its format requires."""
    with source.open("rb") as text, target.open("wb") as file, _compressed(file, output_format) as compressed:
        while piece := text.read(COPY_BYTES):
            compressed.write(piece)
            progress.advance(0, len(piece))


@contextmanager
def _compressed(file: BinaryIO, output_format: str) -> Iterator[Any]:
    if output_format == "csv.gz":
        # Without a name and a time, which would differ from run to run.
        with gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0) as compressed:
            yield compressed
    elif output_format == "csv.zst":
        with pa.PythonFile(file, "w") as sink, pa.CompressedOutputStream(sink, "zstd") as stream:
            yield stream
    else:
        yield file


def same_text(source: Path, target: Path, output_format: str) -> bool:
    """Whether a written file contains the text of its source."""
    digest = xxhash.xxh3_128()
    with target.open("rb") as file, _uncompressed(file, output_format) as text:
        while piece := text.read(COPY_BYTES):
            digest.update(piece)
            progress.advance(0, len(piece))
    return digest.hexdigest() == str(file_entry(source)["checksum"])


@contextmanager
def _uncompressed(file: BinaryIO, output_format: str) -> Iterator[Any]:
    if output_format == "csv.gz":
        with gzip.GzipFile(fileobj=file, mode="rb") as text:
            yield text
    elif output_format == "csv.zst":
        with pa.PythonFile(file, "r") as source, pa.CompressedInputStream(source, "zstd") as text:
            yield text
    else:
        yield file


class ParquetWriter:
    """One row group per table."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, table: pa.Table) -> None:
        """Write a row group."""
        self._file.write_table(table, row_group_size=max(1, table.num_rows))


@contextmanager
def parquet_writer(path: Path, layout: Layout) -> Iterator[TableWriter]:
    """Yield a writer of a Parquet file."""
    import pyarrow.parquet as pq  # lazy: only this format needs it

    with pq.ParquetWriter(path, layout.schema, **PARQUET) as file:
        yield ParquetWriter(file)


def parquet_rows(path: Path, report: Report) -> int:
    """Return the number of rows of a Parquet file, all of which are read. report: called with rows as they are read."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        rows = 0
        for batch in file.iter_batches(use_threads=False):
            rows += batch.num_rows
            report(batch.num_rows)
    return rows


class JsonLinesWriter:
    """One object per line, its keys in the order of the columns."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        self._file = file
        self._keys = [json.dumps(name, ensure_ascii=False) + ":" for name in layout.names]
        self._kinds = [column.kind for column in layout.columns]

    def write(self, table: pa.Table) -> None:
        """Write the rows of a table."""
        if not table.num_rows or not self._keys:
            self._file.write(b"{}\n" * table.num_rows)
            return
        pieces: list[Any] = []
        for index, (key, kind) in enumerate(zip(self._keys, self._kinds, strict=True)):
            values = _json_values(table.column(index).combine_chunks(), kind)
            pieces += [pa.scalar(("," if index else "{") + key), pc.fill_null(values, "null")]
        self._file.write(value_bytes(join_columns("", [*pieces, pa.scalar("}\n")])))


def _json_values(array: pa.Array, kind: str) -> pa.Array:
    """Return values as JSON, infinities as text."""
    if kind == "text":
        escaped = [None if value is None else json.dumps(value, ensure_ascii=False) for value in array.to_pylist()]
        return pa.array(escaped, pa.string())
    text = to_canonical_text(array, kind)
    if kind == "bool":
        return pc.utf8_lower(text)
    if kind == "float":
        endless = pc.match_substring(text, "inf")
        return pc.if_else(endless, join_columns("", [pa.scalar('"'), text, pa.scalar('"')]), text)
    return text if kind == "int" else pc.binary_join_element_wise('"', text, '"', "")


@contextmanager
def json_lines_writer(path: Path, layout: Layout) -> Iterator[TableWriter]:
    """Yield a writer of a file of JSON lines."""
    with path.open("wb") as file:
        yield JsonLinesWriter(file, layout)


def json_lines_rows(path: Path, report: Report) -> int:
    """Return the number of objects in a file of JSON lines. report: as in `parquet_rows`."""
    with path.open("rb") as file:
        return counted((line for line in file if isinstance(json.loads(line), dict)), report)


def counted(rows: Iterable[Any], report: Report) -> int:
    """Return the number of rows, and report them now and then."""
    number = 0
    for number, _ in enumerate(rows, 1):
        if not number % REPORT_ROWS:
            report(REPORT_ROWS)
    return number

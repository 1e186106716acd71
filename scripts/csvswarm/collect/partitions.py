"""Divides a result by the values of some columns, in the style of Hive: carrier=UA/part.csv."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from csvswarm.collect.result_layout import Layout, read_header, whole_records
from csvswarm.csv_format.canonical_text import to_canonical_text
from csvswarm.csv_format.dialect import BOM
from csvswarm.csv_format.raw_records import raw_records
from csvswarm.csv_format.record_scan import Grammar, positions_of, unquoted
from csvswarm.csv_format.row_writer import join_fields
from csvswarm.errors import OptionError, shown
from csvswarm.job.result_format import MAX_PARTS
from csvswarm.runtime import progress
from csvswarm.runtime.lazy_imports import np, pa, pc

#: Name of a missing value in Hive.
MISSING = "__HIVE_DEFAULT_PARTITION__"
#: Maximum bytes of a file name.
MAX_NAME = 255


@dataclass
class Part:
    """text: the part's rows as CSV with a header, without the columns in its name. rows: their number."""

    text: Path
    rows: int = 0


@dataclass
class Partitioner:
    """Divides a CSV file into one file for each value. layout: of the whole result, with the columns `names`."""

    layout: Layout
    names: list[str]
    folder: Path
    parts: dict[str, Part] = field(default_factory=dict)

    def divide(self, source: Path) -> dict[str, Part]:
        """Return the parts by their directories, like carrier=UA, in order of these names. Raises Misfit."""
        grammar = Grammar(self.layout.dialect)
        self.folder.mkdir()
        with source.open("rb") as file:
            header = self._header(read_header(file, grammar), grammar)
            for data in whole_records(file, grammar):
                progress.advance(0, len(data))
                for name, rows, count in self._divided(data, grammar):
                    self._append(name, header, rows, count)
        return dict(sorted(self.parts.items()))

    def _append(self, name: str, header: bytes, rows: Any, count: int) -> None:
        part = self.parts.get(name)
        if part is None:
            if len(self.parts) == MAX_PARTS:
                raise OptionError(
                    f"partition_by {', '.join(self.names)} gives more than {MAX_PARTS:,} files: name columns with "
                    "fewer values (with the same job_id, finished work is kept)."
                )
            part = self.parts[name] = Part(self.folder / f"{len(self.parts):06d}.csv")
            part.text.write_bytes(header)
        part.rows += count
        with part.text.open("ab") as file:  # not kept open: there may be more parts than a process may open files
            file.write(rows)

    def _divided(self, data: bytes, grammar: Grammar) -> Iterator[tuple[str, Any, int]]:
        """Yield (directory, rows, number of rows) of each value in a block."""
        fields = self._fields(data, grammar)
        codes, directories = self._codes(data)
        order = np.argsort(codes, kind="stable")
        kept = [field.take(pa.array(order)) for field in fields]
        ends = np.flatnonzero(np.diff(codes[order], append=-1)) + 1
        start = 0
        for end in ends.tolist():
            rows = join_fields([field.slice(start, end - start) for field in kept], self.layout.dialect)
            yield directories[int(codes[order[start]])], rows, end - start
            start = end

    def _codes(self, data: bytes) -> tuple[Any, list[str]]:
        """Return (for each row, the index of its directory; the directories)."""
        table = self.layout.table(data)
        codes = np.zeros(table.num_rows, np.int64)
        directories = [""]
        for name in self.names:
            column = table.column(name).combine_chunks()
            kind = self.layout.columns[table.column_names.index(name)].kind
            encoded = to_canonical_text(column, kind).dictionary_encode(null_encoding="encode")
            values = [_directory(name, value) for value in encoded.dictionary.to_pylist()]
            combined = codes * len(values) + np.asarray(encoded.indices)
            found, codes = np.unique(combined, return_inverse=True)
            pairs = [divmod(code, len(values)) for code in found.tolist()]
            directories = [f"{directories[outer]}/{values[inner]}".lstrip("/") for outer, inner in pairs]
        return codes, directories

    def _fields(self, data: bytes, grammar: Grammar) -> list[pa.Array]:
        """Return the raw fields of the columns that stay in the files."""
        data, ends, toggles = raw_records(data, grammar)
        width = len(self.layout.columns)
        positions = positions_of(np.frombuffer(data, np.uint8), grammar.delimiter, 10)
        positions = unquoted(positions, toggles, inside_quotes=False)
        offsets = np.zeros(len(ends) * width + 1, np.int32)
        offsets[1:] = positions + 1
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
        pieces = pa.Array.from_buffers(pa.binary(), len(positions), buffers)
        rows = np.arange(len(ends)) * width
        kept = [index for index, name in enumerate(self.layout.names) if name not in self.names]
        fields = [pc.binary_slice(pieces.take(pa.array(rows + index)), 0, -1) for index in kept]
        if len(kept) == 1:  # a blank line is not a record
            quotes = pa.scalar(self.layout.dialect.quotechar.encode() * 2, pa.binary())
            fields = [pc.if_else(pc.equal(pc.binary_length(fields[0]), 0), quotes, fields[0])]
        return fields

    def _header(self, header: bytes, grammar: Grammar) -> bytes:
        mark = BOM if header.startswith(BOM) else b""
        return mark + bytes(join_fields(self._fields(header[len(mark) :], grammar), self.layout.dialect))


def _directory(name: str, value: str | None) -> str:
    """Return the name of a value's directory. Raises OptionError if a file system cannot have it."""
    text = f"{_escaped(name)}={MISSING if value is None else _escaped(value)}"
    if len(text) > MAX_NAME:
        raise OptionError(
            f"partition_by {name}: the value {shown(value or '')!r} is too long for the name of a directory "
            f"({MAX_NAME} bytes): name another column (with the same job_id, finished work is kept)."
        )
    return text


def _escaped(text: str) -> str:
    """Return text as a part of a path, percent-encoded except for letters, digits and _.-~, as in a URL."""
    return quote(text, safe="")

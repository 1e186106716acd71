"""Columns and types of a result; converts its canonical text back to typed values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, BinaryIO

from csvswarm.csv_format.canonical_text import common_type
from csvswarm.csv_format.dialect import BOM, CANONICAL, Dialect
from csvswarm.csv_format.record_scan import Grammar
from csvswarm.errors import JobError
from csvswarm.job.manifest import Manifest
from csvswarm.job.receipt import Receipt
from csvswarm.partials.assemble import Written
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.processor import Processor
from csvswarm.reading.arrow_parser import parse
from csvswarm.runtime.lazy_imports import pa, pc
from csvswarm.types.conversion import TextConverter
from csvswarm.types.formats import Formats
from csvswarm.types.schema import ARROW, Schema

#: Bytes of text that are converted at a time: a row group of a Parquet file.
BLOCK_BYTES = 16 << 20


@dataclass(frozen=True)
class Column:
    """A column of a result. kind: int, float, bool, timestamp or text.

    copied: its fields are those of the input, with its missing values and formats. declared: the user gave the type.
    """

    name: str
    kind: str
    copied: bool = False
    declared: bool = False


class Misfit(Exception):
    """A value does not have the known type of its column: its text is more exact than any type."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


@dataclass(frozen=True)
class Layout:
    """How a result is written as CSV, and the types of its columns.

    null_values, formats: of copied columns. Other fields are canonical text, where only an empty field is missing.
    """

    columns: Sequence[Column]
    dialect: Dialect
    null_values: Sequence[str]
    formats: Formats

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow types of the columns."""
        return pa.schema([(column.name, ARROW[column.kind]) for column in self.columns])

    def widened(self, name: str) -> Layout:
        """Return the layout with this column as text, because its values have no other type."""
        columns = [replace(column, kind="text") if column.name == name else column for column in self.columns]
        return replace(self, columns=columns)

    def without(self, names: Sequence[str]) -> Layout:
        """Return the layout without some columns."""
        return replace(self, columns=[column for column in self.columns if column.name not in names])

    def tables(self, file: BinaryIO) -> Iterator[pa.Table]:
        """Yield the rows of a CSV file with a header as typed tables. Raises Misfit."""
        grammar = Grammar(self.dialect)
        read_header(file, grammar)
        for data in whole_records(file, grammar):
            yield self.table(data)

    def table(self, data: bytes) -> pa.Table:
        """Return whole records as a typed table. Raises Misfit."""
        arrays: dict[int, Any] = {}
        for copied in (True, False):
            wanted = [index for index, column in enumerate(self.columns) if column.copied == copied]
            null_values = self.null_values if copied else [""]
            if not wanted:
                continue
            text = parse(data, self.dialect, len(self.columns), wanted, null_values)
            if text is None:
                raise JobError("the result's own rows are misread; please report this.")
            converter = TextConverter(null_values)
            for index in wanted:
                arrays[index] = self._values(self.columns[index], _one(text.column(str(index))), converter)
        return pa.table([arrays[index] for index in range(len(self.columns))], schema=self.schema)

    def _values(self, column: Column, text: Any, converter: TextConverter) -> Any:
        if column.kind == "text":
            # In a result of one column, a missing value is two quotes, because a blank line is not a record.
            return text if len(self.columns) > 1 else pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
        written = self.formats.of(column.name, column.kind) if column.copied else None
        plain = text if written is None else written.plain(text, converter.null_array)
        values = converter.convert(plain, column.kind, declared=column.declared or not column.copied)
        if values is None or (column.kind == "float" and not column.copied and _has_long_integer(text)):
            raise Misfit(column.name)
        return values


def layout_of(
    manifest: Manifest, schema: Schema, processor: Processor, receipts: Sequence[Receipt], written: Written
) -> Layout:
    """Return the layout of a result. written: what the assembly of its partials returned."""
    context = Context.for_job(manifest, schema, processor.files)
    copied = set(processor.copied_columns(context))
    names, kinds = written.names, written.kinds
    if not processor.combines:
        names = next((receipt.columns for receipt in receipts if receipt.columns is not None), [])
        known = [receipt.output for receipt in receipts if receipt.output is not None and receipt.columns == names]
        kinds = [reduce(common_type, found) for found in zip(*known, strict=True)]
    declared = processor.result_kinds(context)
    columns = []
    for name, kind in zip(names, kinds, strict=True):
        if name in copied:
            found = schema.type_of(name)
            columns.append(Column(name, _typed(found), copied=True, declared=name in schema.declared_types))
        else:
            columns.append(Column(name, _typed(declared.get(name, kind))))
    raw = hasattr(processor.module, "header")  # it writes the dialect of the input
    return Layout(
        columns,
        manifest.dialect if raw else CANONICAL,
        manifest.request["null_values"],
        Formats(**manifest.formats),
    )


def _has_long_integer(text: pa.Array) -> bool:
    """Whether an integer among floats has more digits than a float can represent."""
    if (pc.max(pc.binary_length(text)).as_py() or 0) < 16:
        return False
    return bool(pc.any(pc.match_substring_regex(text, "^-?[0-9]{16,}$")).as_py())


def _typed(kind: str | None) -> str:
    """Return the type of a column; one without any value is text."""
    return kind if kind in ("int", "float", "bool", "timestamp") else "text"


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def read_header(file: BinaryIO, grammar: Grammar) -> bytes:
    """Return the header record of a CSV file, with a byte order mark and its line end; the rows follow in the file."""
    data = b""
    while piece := grammar.read_piece(file, 1 << 16):
        data += piece
        start = len(BOM) if data.startswith(BOM) else 0
        ends = grammar.scan(data[start:]).ends
        if ends.size:
            end = start + int(ends[0]) + 1
            file.seek(end - len(data), 1)
            return data[:end]
    return data


def whole_records(file: BinaryIO, grammar: Grammar) -> Iterator[bytes]:
    """Yield the rest of a CSV file in blocks of whole records. The cuts depend on its bytes alone."""
    rest = b""
    while piece := grammar.read_piece(file, BLOCK_BYTES):
        data = rest + piece
        ends = grammar.scan(data).ends
        if not ends.size:
            rest = data
            continue
        cut = int(ends[-1]) + 1
        yield data[:cut]
        rest = data[cut:]
    if rest:
        yield rest

"""Blocks of plain records read by the native kernel: locates fields, and converts bytes to numbers.

`block_reader` reads declined blocks, and Arrow reads declined columns. The values are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from csvswarm.csv_format.record_scan import NO_POSITIONS, Grammar, Positions, positions_of
from csvswarm.native import field_values, record_scan
from csvswarm.native.field_values import EncodedNullValues, Mask, Span
from csvswarm.runtime.lazy_imports import pa

Array = np.ndarray[Any, Any]


class Column(Protocol):
    """The values of a column in a block. gaps: whether some are missing, unless the values themselves show it."""

    @property
    def gaps(self) -> bool: ...

    def arrow(self) -> pa.Array:
        """Return them as an Arrow array."""


class NumericColumn(NamedTuple):
    """values: int64, or float64 with NaN where missing. missing: mask of missing integers, None for none."""

    values: Array
    missing: Mask | None = None

    @property
    def gaps(self) -> bool:
        return self.missing is not None

    def arrow(self) -> pa.Array:
        return pa.array(self.values, mask=self.missing, from_pandas=True)


class TextColumn(NamedTuple):
    """Text in place, in its block."""

    span: Span
    null_values: EncodedNullValues
    gaps: bool = False

    def arrow(self) -> pa.Array:
        copied = field_values.texts(self.span, self.null_values)
        if copied is None:
            raise RuntimeError("the kernel is gone after it located fields")
        data, offsets, missing = copied
        valid = None if missing is None else pa.py_buffer(np.packbits(~missing, bitorder="little"))
        return pa.Array.from_buffers(pa.string(), len(self.span), [valid, pa.py_buffer(offsets), pa.py_buffer(data)])


class ArrowColumn(NamedTuple):
    """Values that are an Arrow array already."""

    array: pa.Array

    @property
    def gaps(self) -> bool:
        return bool(self.array.null_count)

    def arrow(self) -> pa.Array:
        return self.array


@dataclass(frozen=True)
class ScannedBlock:
    """A scanned block. data: its records, each ended by LF. ends: their ends. grammar: of its dialect.

    has_quotes: whether there are quotes. has_literal_quotes: whether some do not open or close a field. columns: the
    values of columns by their names.
    """

    data: bytes
    ends: record_scan.Offsets
    grammar: Grammar
    has_quotes: bool
    has_literal_quotes: bool
    columns: Mapping[str, Column]

    @cached_property
    def table(self) -> pa.Table:
        arrays = [column.arrow() for column in self.columns.values()]
        return pa.table(arrays, names=list(self.columns)) if arrays else pa.table({"": pa.nulls(len(self))}).select([])

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def quote(self) -> int | None:
        """The quote byte, None if it is not used."""
        return self.grammar.quote if self.has_quotes else None

    def toggles(self) -> Positions:
        """Return the positions of the quotes that open or close a field, and perhaps of doubled ones."""
        if self.has_literal_quotes:
            return self.grammar.scan(self.data).quote_toggles
        return NO_POSITIONS if self.quote is None else positions_of(np.frombuffer(self.data, np.uint8), self.quote)


class LocatedFields(NamedTuple):
    """A block whose fields are located but not converted. rows: row of the scan by column index."""

    data: bytes
    scan: record_scan.Scan
    rows: Mapping[int, int]
    quote: int

    def span(self, column: int) -> Span:
        """Return the fields of a column, by its index."""
        row = self.rows[column]
        return Span(self.data, self.scan.starts[row], self.scan.stops[row], self.quote)


class FieldFinder:
    """Locates the fields of some columns in blocks of `width` fields, with the native kernel."""

    def __init__(self, grammar: Grammar, width: int, columns: Sequence[int], null_values: Sequence[str]) -> None:
        self._grammar, self._width = grammar, width
        self._columns = sorted(set(columns))
        self._rows = {column: row for row, column in enumerate(self._columns)}
        self.null_values = EncodedNullValues(null_values)
        quote = "" if grammar.quote is None else chr(grammar.quote)
        # The kernel does not handle signs or blanks as delimiters or quotes.
        self._is_supported = (
            width > 1
            and not {chr(grammar.delimiter), quote} & set("+-. ")
            and quote != "\t"
            and not (quote and any(quote in value for value in null_values))
        )

    def find(self, data: bytes, rows: int | None = None) -> LocatedFields | None:
        """Return the located fields of a block; None if the kernel declines, or it is not UTF-8.

        rows: the expected number of records.
        """
        if not self._is_supported or not data:
            return None
        unified = record_scan.with_line_feeds(data, self._grammar.delimiter, self._grammar.quote)
        if unified is None:
            return None
        data = unified
        found = record_scan.scan(data, self._grammar.delimiter, self._grammar.quote, self._width, self._columns, rows)
        if found is None or not (found.is_ascii or record_scan.is_utf8(data)):
            return None
        quote = self._grammar.quote if found.has_quotes else None
        return LocatedFields(data, found, self._rows, -1 if quote is None else quote)

    def column(self, found: LocatedFields, column: int, kind: str) -> Column | None:
        """Return a column's values as a type; None if the kernel cannot decide whether they are of that type."""
        span = found.span(column)
        if kind == "int":
            integers = field_values.integers(span, self.null_values)
            return None if integers is None else NumericColumn(*integers)
        if kind == "float":
            floats = field_values.floats(span, self.null_values)
            return None if floats is None else NumericColumn(floats)
        if kind == "null" and field_values.kinds(span, self.null_values) == field_values.GAP:
            return NumericColumn(np.full(len(span), np.nan))
        return TextColumn(span, self.null_values) if kind == "text" else None

    def texts(self, data: bytes) -> pa.Table | None:
        """Return the columns of a block as text, named by their indexes; None if the kernel declines."""
        if (found := self.find(data)) is None:
            return None
        return pa.table(
            {str(column): TextColumn(found.span(column), self.null_values).arrow() for column in self._columns}
        )

    def kinds(self, found: LocatedFields, column: int) -> tuple[frozenset[str], bool] | None:
        """Return (kinds of a column as `TextConverter.kinds` has them, whether a value is missing); None if unsure."""
        bits = field_values.kinds(found.span(column), self.null_values)
        if bits & field_values.UNSURE:
            return None
        kinds = {"quoted"} if bits & field_values.QUOTED_NULL else set()
        seen = bits & ~(field_values.GAP | field_values.QUOTED_NULL)
        if seen in (field_values.BOOL, field_values.INT):
            kinds.add("bool" if seen == field_values.BOOL else "int")
        elif seen:
            kinds.add("text" if seen & (field_values.TEXT | field_values.BOOL) else "float")
        return frozenset(kinds), bool(bits & field_values.GAP)

"""Reads blocks: converts bytes to columns of the schema's types, and finds every bad record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.raw_records import raw_records
from csvswarm.csv_format.record_scan import Grammar
from csvswarm.errors import BadRecord, JobError, SchemaMismatch, shown
from csvswarm.native.library import kernel
from csvswarm.reading.arrow_parser import parse
from csvswarm.reading.bad_records import Triage
from csvswarm.reading.mismatched_values import mismatched_values
from csvswarm.reading.native_block import ArrowColumn, Column, FieldFinder, ScannedBlock, TextColumn
from csvswarm.reading.rows import Rejected, Rows
from csvswarm.runtime.lazy_imports import pa
from csvswarm.types.conversion import TextConverter
from csvswarm.types.formats import Formats
from csvswarm.types.schema import ARROW, Schema

Numbers = npt.NDArray[np.int64]
#: Record numbers and values.
Examples = list[tuple[int, str]]


class Reader:
    """Reads blocks of one input with one schema.

    columns: names of the columns to read. fixed and kinds come from the schema; a value that does not fit a column with
    a type the user gave makes its record bad, one that does not fit an inferred type raises SchemaMismatch. watch_gaps:
    raise SchemaMismatch as well for missing values where the schema has none. quarantine: leave bad records out, and
    keep them in `rejected`, instead of raising BadRecord. keep_raw: keep the raw records in the Rows. source, before:
    the file and the records before it, for messages.
    """

    def __init__(
        self,
        *,
        dialect: Dialect,
        names: Sequence[str],
        schema: Schema,
        columns: Sequence[str],
        null_values: Sequence[str],
        source: str,
        before: int = 0,
        quarantine: bool = False,
        watch_gaps: bool = False,
        keep_raw: bool = False,
        formats: Formats | None = None,
    ) -> None:
        self._dialect, self._names, self._schema = dialect, list(names), schema
        self._columns = list(columns)
        index_of = {name: column_index for column_index, name in enumerate(self._names)}
        self._column_indexes = [index_of[column] for column in self._columns]
        self._requested = list(zip(self._columns, self._column_indexes, strict=True))
        self._converter = TextConverter(null_values)
        self._formats = formats or Formats()
        self._grammar = Grammar(dialect)
        declared = [
            (column, column_index, schema.declared_types[column])
            for column, column_index in self._requested
            if column in schema.declared_types
        ]
        self._triage = Triage(dialect, len(self._names), declared, self._converter, self._formats)
        self._finder = FieldFinder(self._grammar, len(self._names), self._column_indexes, null_values)
        self._source, self._before = source, before
        self._quarantine, self._watch_gaps, self._keep_raw = quarantine, watch_gaps, keep_raw
        self.rejected: list[Rejected] = []

    def empty(self) -> Rows:
        """Return zero rows with the right columns and types."""
        arrays = [pa.array([], ARROW[self._schema.type_of(column)]) for column in self._columns]
        return Rows(pa.table(arrays, names=self._columns), np.empty(0, np.int64))

    def read(self, data: bytes, first_record: int, rows: int | None = None) -> Rows:
        """Return the rows of a block of whole records, the first of which is number `first_record`.

        rows: number of records counted by the split, to be verified. Raises BadRecord, SchemaMismatch.
        """
        if (block := self._read_native(data, rows)) is not None:
            return Rows(block, _count_from(first_record, len(block)))
        numbers = None
        if self._quarantine and kernel() is not None:  # bad records are the usual reason why the kernel declines
            data, numbers = self._without_bad(data, first_record)
            rows = len(numbers)
            if (block := self._read_native(data, rows)) is not None:
                return Rows(block, numbers)
        text = self._parse(data) if self._is_clean(data) else None
        if text is None or (rows is not None and text.num_rows != rows) or self._has_mismatch(text):
            if numbers is None:
                data, numbers = self._without_bad(data, first_record)
            text = self._parse(data)
            if text is None or text.num_rows != len(numbers):  # Arrow and csvswarm disagree: a bug
                raise JobError(f"{self._source}: the block at record {first_record} is misread; please report this.")
        return self._rows(data, self._convert(text), numbers, first_record)

    def _rows(self, data: bytes, table: pa.Table, numbers: Numbers | None, first_record: int) -> Rows:
        if numbers is None:
            numbers = _count_from(first_record, table.num_rows)
        if not self._keep_raw:
            return Rows(table, numbers)
        data, ends, toggles = raw_records(data, self._grammar)
        return Rows(table, numbers, data, ends, lambda: toggles)

    # -- good blocks -----------------------------------------------------------------------------------------------

    def _read_native(self, data: bytes, rows: int | None) -> ScannedBlock | None:
        """Return a block read by the native kernel; None if the kernel declines or a value does not fit."""
        found = self._finder.find(data, rows)
        if found is None:
            return None
        columns: dict[str, Column] = {}
        for name, column_index in self._requested:
            kind = self._schema.type_of(name)
            is_plain = self._formats.of(name, kind) is None
            column = self._finder.column(found, column_index, kind) if is_plain else None
            if column is None:
                values = self._values_of(name, TextColumn(found.span(column_index), self._finder.null_values).arrow())
                if values is None:
                    return None
                column = ArrowColumn(values)
            if kind in ("int", "bool") and name not in self._schema.missing and self._watch_gaps and column.gaps:
                return None
            columns[name] = column
        scan = found.scan
        quotes = scan.has_quotes, scan.has_literal_quotes
        return ScannedBlock(found.data, scan.ends, self._grammar, *quotes, columns)

    @staticmethod
    def _is_clean(data: bytes) -> bool:
        if data.find(b"\0") >= 0:
            return False
        if data.isascii():
            return True
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return False
        return True

    def _parse(self, data: bytes) -> pa.Table | None:
        return parse(data, self._dialect, len(self._names), self._column_indexes, self._converter.null_values)

    def _column_text(self, table: pa.Table, column_index: int) -> pa.Array:
        column = table.column(str(column_index))
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()

    def _has_mismatch(self, text: pa.Table) -> bool:
        """Whether a column of a declared type has a value that does not fit."""
        return any(
            self._values_of(column, self._column_text(text, column_index)) is None
            for column, column_index in self._requested
            if column in self._schema.declared_types
        )

    def _convert(self, text: pa.Table) -> pa.Table:
        arrays, observed, missing = [], {}, set()
        for column, column_index in self._requested:
            strings = self._column_text(text, column_index)
            kind = self._schema.type_of(column)
            values = self._values_of(column, strings)
            if values is None:
                observed[column] = "+".join(self._kinds_of(column, strings))
            elif values.null_count and kind in ("int", "bool") and column not in self._schema.missing:
                missing.add(column)
            arrays.append(values)
        if observed or (missing and self._watch_gaps):
            raise SchemaMismatch(observed, missing)
        return pa.table(arrays, names=self._columns) if arrays else pa.table({"": pa.nulls(text.num_rows)}).select([])

    def observe(self, data: bytes, first_record: int) -> tuple[dict[str, str], set[str]]:
        """Return the kinds of every requested column in a block, and the columns with missing values."""
        if not data:
            return {}, set()
        if (observed := self._observe_native(data)) is not None:
            return observed
        is_sorted = kernel() is not None
        if is_sorted:  # bad records are the usual reason why the kernel declines
            data, _ = self._without_bad(data, first_record)
            if (observed := self._observe_native(data)) is not None:
                return observed
        text = self._parse(data) if is_sorted or self._is_clean(data) else None
        if not is_sorted and (text is None or self._has_mismatch(text)):
            data, _ = self._without_bad(data, first_record)
            text = self._parse(data)
        if text is None:
            return {}, set()
        strings = {column: self._column_text(text, column_index) for column, column_index in self._requested}
        missing = {column for column, array in strings.items() if array.null_count}
        for column, array in strings.items():  # a quoted "NA" among numbers is also missing
            values = self._values_of(column, array)
            if values is not None and values.null_count:
                missing.add(column)
        return {column: "+".join(self._kinds_of(column, array)) for column, array in strings.items()}, missing

    def _values_of(self, column: str, text: pa.Array) -> pa.Array | None:
        """Return text as values of the type of a column, None when a value does not fit."""
        kind = self._schema.type_of(column)
        text = self._plain(column, text, kind)
        return self._converter.convert(text, kind, declared=column in self._schema.declared_types)

    def _kinds_of(self, column: str, text: pa.Array) -> frozenset[str]:
        return self._converter.kinds(self._plain(column, text, "float"))

    def _plain(self, column: str, text: pa.Array, kind: str) -> pa.Array:
        """Return the text of a column as plain values of a type."""
        written = self._formats.of(column, kind)
        return text if written is None else written.plain(text, self._converter.null_array)

    def _observe_native(self, data: bytes) -> tuple[dict[str, str], set[str]] | None:
        """Return the same as `observe` for columns without a known type; None if the native kernel declines."""
        if any(self._schema.type_of(column) not in ("null", "quoted", "text") for column in self._columns):
            return None  # a quoted "NA" among numbers is missing
        if any(self._formats.of(column, "float") for column in self._columns):
            return None
        found = self._finder.find(data)
        if found is None:
            return None
        kinds, missing = {}, set()
        for column, column_index in self._requested:
            found_kinds = self._finder.kinds(found, column_index)
            if found_kinds is None:
                return None
            kinds[column] = "+".join(found_kinds[0])
            if found_kinds[1]:
                missing.add(column)
        return kinds, missing

    def misfits(self, data: bytes, first_record: int, columns: Sequence[str], most: int) -> dict[str, Examples]:
        """Return the first values of numeric columns in a block that are not numbers, with their record numbers."""
        data, numbers = self._without_bad(data, first_record)
        text = self._parse(data)
        found: dict[str, Examples] = {}
        if text is None or text.num_rows != len(numbers):
            return found
        for column, index in self._requested:
            if column in columns:
                strings, kind = self._column_text(text, index), self._schema.type_of(column)
                rows = np.flatnonzero(mismatched_values(self._converter, self._plain(column, strings, kind), kind))[
                    :most
                ]
                values = strings.take(pa.array(rows)).to_pylist()
                found[column] = list(zip(numbers[rows].tolist(), values, strict=True))
        return found

    # -- bad records -----------------------------------------------------------------------------------------------

    def _without_bad(self, data: bytes, first_record: int) -> tuple[bytes, Numbers]:
        """Return a block without bad records, and the numbers of its good records.

        Raises BadRecord for the first bad record, unless bad records are quarantined.
        """
        kept, numbers, bad = self._triage.split_bad(data, first_record)
        if bad and not self._quarantine:
            raise BadRecord(self._describe(bad[0]))
        self.rejected += bad
        return kept, numbers

    def _describe(self, bad: Rejected) -> str:
        where = f"record {bad.record - self._before}" + (f", column {shown(bad.column)!r}" if bad.column else "")
        return (
            f"{self._source}: {where}: {bad.reason}: {shown(bad.text)!r}. Fix the record, "
            "or add -e on_error=quarantine to write such records to rejected.csv."
        )


def _count_from(first: int, count: int) -> Numbers:
    return np.arange(first, first + count, dtype=np.int64)

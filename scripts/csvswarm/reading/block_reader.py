"""Read the blocks of a chunk: bytes to columns of the schema's types, with every bad record found and named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.raw_records import raw_records
from csvswarm.csv_format.record_scan import Grammar
from csvswarm.errors import BadRecord, JobError, Misfit, shown
from csvswarm.native.library import kernel
from csvswarm.reading.arrow_parser import parse
from csvswarm.reading.bad_records import Triage
from csvswarm.reading.native_block import Block, Column, Finder, Ready, Texts
from csvswarm.reading.rows import Rejected, Rows
from csvswarm.runtime.lazy_imports import pa
from csvswarm.types.conversion import Values
from csvswarm.types.schema import ARROW, Schema

Numbers = npt.NDArray[np.int64]


class Reader:
    """Reads blocks of one input with one schema.

    columns: names of the columns to read. fixed and kinds come from the schema; a value that does not fit a column
    with a type the user gave makes its record bad, one that does not fit an inferred type raises Misfit. watch_gaps:
    raise Misfit as well for missing values where the schema has none. quarantine: leave bad records out, and keep
    them in `rejected`, instead of raising BadRecord. keep_raw: keep the raw records in the Rows.
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
        quarantine: bool = False,
        watch_gaps: bool = False,
        keep_raw: bool = False,
    ) -> None:
        self._dialect, self._names, self._schema = dialect, list(names), schema
        self._columns = list(columns)
        place_of = {name: place for place, name in enumerate(self._names)}
        self._places = [place_of[column] for column in self._columns]
        self._asked = list(zip(self._columns, self._places, strict=True))
        self._values = Values(null_values)
        self._grammar = Grammar(dialect)
        fixed = [(column, place, schema.fixed[column]) for column, place in self._asked if column in schema.fixed]
        self._triage = Triage(dialect, len(self._names), fixed, self._values)
        self._finder = Finder(self._grammar, len(self._names), self._places, null_values)
        self._source = source
        self._quarantine, self._watch_gaps, self._keep_raw = quarantine, watch_gaps, keep_raw
        self.rejected: list[Rejected] = []

    def empty(self) -> Rows:
        """Return no rows, in the right columns and types."""
        arrays = [pa.array([], ARROW[self._schema.type_of(column)]) for column in self._columns]
        return Rows(pa.table(arrays, names=self._columns), np.empty(0, np.int64))

    def read(self, data: bytes, first_record: int, rows: int | None = None) -> Rows:
        """Return the rows of a block of whole records, the first of which is number `first_record`.

        rows: how many records the split counted, to be checked. Raises BadRecord, Misfit.
        """
        if (block := self._read_quick(data, rows)) is not None:
            return Rows(block, _count_from(first_record, len(block)))
        numbers = None
        if self._quarantine and kernel() is not None:  # hardly anything else keeps the kernel from reading a block
            data, numbers = self._without_bad(data, first_record)
            rows = len(numbers)
            if (block := self._read_quick(data, rows)) is not None:
                return Rows(block, numbers)
        text = self._parse(data) if self._is_clean(data) else None
        if text is None or (rows is not None and text.num_rows != rows) or self._unfit(text):
            if numbers is None:
                data, numbers = self._without_bad(data, first_record)
            text = self._parse(data)
            if text is None or text.num_rows != len(numbers):  # Arrow's grammar and ours differ, which must not be
                raise JobError(f"{self._source}: the block at record {first_record} is misread; please report this.")
        return self._rows(data, self._convert(text), numbers, first_record)

    def _rows(self, data: bytes, table: pa.Table, numbers: Numbers | None, first_record: int) -> Rows:
        if numbers is None:
            numbers = _count_from(first_record, table.num_rows)
        if not self._keep_raw:
            return Rows(table, numbers)
        data, ends, toggles = raw_records(data, self._grammar)
        return Rows(table, numbers, data, ends, lambda: toggles)

    # -- the straight way ------------------------------------------------------------------------------------------

    def _read_quick(self, data: bytes, rows: int | None) -> Block | None:
        """Return what the native kernel makes of a block; None where it cannot tell, or not all is well with it."""
        found = self._finder.find(data, rows)
        if found is None:
            return None
        columns: dict[str, Column] = {}
        for name, place in self._asked:
            kind = self._schema.type_of(name)
            column = self._finder.column(found, place, kind)
            if column is None:
                text = Texts(found.span(place), self._finder.nulls).arrow()
                values = self._values.convert(text, kind, fixed=name in self._schema.fixed)
                if values is None:
                    return None
                column = Ready(values)
            if kind in ("int", "bool") and name not in self._schema.missing and self._watch_gaps and column.gaps:
                return None
            columns[name] = column
        return Block(found.data, found.scan.ends, None if found.quote < 0 else found.quote, columns)

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
        return parse(data, self._dialect, len(self._names), self._places, self._values.null_values)

    def _text(self, table: pa.Table, place: int) -> pa.Array:
        column = table.column(str(place))
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()

    def _unfit(self, text: pa.Table) -> bool:
        """Whether a column of a type the user gave holds a value that is none."""
        return any(
            self._values.convert(self._text(text, place), self._schema.fixed[column], fixed=True) is None
            for column, place in self._asked
            if column in self._schema.fixed
        )

    def _convert(self, text: pa.Table) -> pa.Table:
        arrays, observed, missing = [], {}, set()
        for column, place in self._asked:
            strings = self._text(text, place)
            kind = self._schema.type_of(column)
            values = self._values.convert(strings, kind, fixed=column in self._schema.fixed)
            if values is None:
                observed[column] = "+".join(self._values.kinds(strings))
            elif values.null_count and kind in ("int", "bool") and column not in self._schema.missing:
                missing.add(column)
            arrays.append(values)
        if observed or (missing and self._watch_gaps):
            raise Misfit(observed, missing)
        return pa.table(arrays, names=self._columns) if arrays else pa.table({"": pa.nulls(text.num_rows)}).select([])

    def observe(self, data: bytes, first_record: int) -> tuple[dict[str, str], set[str]]:
        """Return the kinds of every asked column in a block, and which have missing values."""
        if not data:
            return {}, set()
        if (seen := self._observe_quick(data)) is not None:
            return seen
        is_sorted = kernel() is not None
        if is_sorted:  # hardly anything else keeps the kernel from reading a block
            data, _ = self._without_bad(data, first_record)
            if (seen := self._observe_quick(data)) is not None:
                return seen
        text = self._parse(data) if is_sorted or self._is_clean(data) else None
        if not is_sorted and (text is None or self._unfit(text)):
            data, _ = self._without_bad(data, first_record)
            text = self._parse(data)
        if text is None:
            return {}, set()
        strings = {column: self._text(text, place) for column, place in self._asked}
        missing = {column for column, array in strings.items() if array.null_count}
        for column, array in strings.items():  # a quoted "NA" among numbers is missing, too
            values = self._values.convert(array, self._schema.type_of(column), fixed=column in self._schema.fixed)
            if values is not None and values.null_count:
                missing.add(column)
        return {column: "+".join(self._values.kinds(array)) for column, array in strings.items()}, missing

    def _observe_quick(self, data: bytes) -> tuple[dict[str, str], set[str]] | None:
        """Return what `observe` does where the native kernel can tell, for columns that nothing was known of."""
        if any(self._schema.type_of(column) not in ("null", "quoted", "text") for column in self._columns):
            return None  # a quoted "NA" among numbers is missing
        found = self._finder.find(data)
        if found is None:
            return None
        kinds, missing = {}, set()
        for column, place in self._asked:
            told = self._finder.kinds(found, place)
            if told is None:
                return None
            kinds[column] = "+".join(told[0])
            if told[1]:
                missing.add(column)
        return kinds, missing

    # -- bad records -----------------------------------------------------------------------------------------------

    def _without_bad(self, data: bytes, first_record: int) -> tuple[bytes, Numbers]:
        """Return a block without its bad records, and the numbers of the rest.

        Raises BadRecord for the first one, unless they are quarantined.
        """
        kept, numbers, bad = self._triage.sort_out(data, first_record)
        if bad and not self._quarantine:
            raise BadRecord(self._describe(bad[0]))
        self.rejected += bad
        return kept, numbers

    def _describe(self, bad: Rejected) -> str:
        where = f"record {bad.record}" + (f", column {shown(bad.column)!r}" if bad.column else "")
        return (
            f"{self._source}: {where}: {bad.reason}: {shown(bad.text)!r}. Fix the record, "
            "or add -e on_error=quarantine to set such records aside in rejected.csv."
        )


def _count_from(first: int, count: int) -> Numbers:
    return np.arange(first, first + count, dtype=np.int64)

"""Read the blocks of a chunk: bytes to columns of the schema's types, with every bad record found and named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .dialect import Dialect
from .errors import BadRecord, JobError, Misfit
from .fields import Fields, Nulls, find_fields
from .lean import pa
from .parser import parse
from .quick import Block, Column, Finder, Ready, Texts
from .raw import raw_records
from .records import Grammar, Positions, outside, starts_of
from .rows import Rejected, Rows
from .schema import ARROW, Schema, Values

SHOWN_TEXT = 120


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
        self._places = [self._names.index(column) for column in self._columns]
        self._values = Values(null_values)
        self._nulls = Nulls(null_values)
        self._grammar = Grammar(dialect)
        self._finder = Finder(self._grammar, len(self._names), self._places, null_values)
        self._source = source
        self._quarantine, self._watch_gaps, self._keep_raw = quarantine, watch_gaps, keep_raw
        self._is_plain = True
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
            return Rows(block, np.arange(first_record, first_record + len(block), dtype=np.int64))
        numbers = None
        fields, text = self._read_text(data)
        if text is None or (rows is not None and text.num_rows != rows) or self._unfit(text):
            data, numbers = self._triage(data, first_record)
            fields, text = None, self._parse(data)
            if text is None:  # the triage found every record good that Arrow does not read
                raise JobError(
                    f"{self._source}: a block near record {first_record} cannot be parsed; please report this."
                )
        table = self._convert(text)
        if numbers is not None and table.num_rows != len(numbers):
            raise JobError(
                f"{self._source}: the records near {first_record} are counted differently; please report this."
            )
        if numbers is None:
            numbers = np.arange(first_record, first_record + table.num_rows, dtype=np.int64)
        if not self._keep_raw:
            return Rows(table, numbers)
        if fields is not None:
            return Rows(table, numbers, fields.data, fields.ends, fields.toggles)
        data, ends, toggles = raw_records(data, self._grammar)
        return Rows(table, numbers, data, ends, lambda: toggles)

    # -- the straight way ------------------------------------------------------------------------------------------

    def _read_quick(self, data: bytes, rows: int | None) -> Block | None:
        """Return what the native kernel makes of a block; None where it cannot tell, or not all is well with it."""
        found = self._finder.find(data, rows)
        if found is None:
            return None
        columns: dict[str, Column] = {}
        for name, place in zip(self._columns, self._places, strict=True):
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

    def _read_text(self, data: bytes) -> tuple[Fields | None, pa.Table | None]:
        """Return (fields, asked columns as text); no fields where Arrow had to parse, no text when a record is bad."""
        if not self._is_clean(data):
            return None, None
        fields = find_fields(data, self._grammar, len(self._names)) if self._is_plain else None
        if fields is None:
            self._is_plain = False  # the next block will be like this one: the search would be in vain
            return None, self._parse(data)
        places = sorted(self._places) or [0]  # the number of rows is asked for in any case
        return fields, pa.table(fields.texts(places, self._nulls), names=[str(place) for place in places])

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
            for column, place in zip(self._columns, self._places, strict=True)
            if column in self._schema.fixed
        )

    def _convert(self, text: pa.Table) -> pa.Table:
        arrays, observed, missing = [], {}, set()
        for column, place in zip(self._columns, self._places, strict=True):
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
        if (seen := self._observe_quick(data)) is not None:
            return seen
        text = self._parse(data) if self._is_clean(data) else None
        if text is None or self._unfit(text):
            data, _ = self._triage(data, first_record)
            text = self._parse(data)
        if text is None:
            return {}, set()
        strings = {column: self._text(text, place) for column, place in zip(self._columns, self._places, strict=True)}
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
        for column, place in zip(self._columns, self._places, strict=True):
            told = self._finder.kinds(found, place)
            if told is None:
                return None
            kinds[column] = "+".join(told[0])
            if told[1]:
                missing.add(column)
        return kinds, missing

    # -- bad records -----------------------------------------------------------------------------------------------

    def _triage(self, data: bytes, first_record: int) -> tuple[bytes, npt.NDArray[np.int64]]:
        """Find the bad records of a block. Return the block without them, and the numbers of the rest.

        Raises BadRecord for the first one, unless they are quarantined.
        """
        data, ends, toggles = raw_records(data, self._grammar)
        starts = starts_of(ends)
        reasons: dict[int, tuple[str, str]] = {}
        self._find_ragged(data, ends, toggles, reasons)
        self._find_bytes(data, starts, ends, reasons)
        good = [place for place in range(ends.size) if place not in reasons]
        self._find_unfit(b"".join(data[starts[place] : ends[place] + 1] for place in good), good, reasons)
        bad = sorted(reasons)
        if not bad:
            return data, np.arange(first_record, first_record + ends.size, dtype=np.int64)
        found = [
            Rejected(
                first_record + place,
                *reasons[place],
                data[starts[place] : ends[place]].decode("utf-8", errors="replace"),
            )
            for place in bad
        ]
        if not self._quarantine:
            raise BadRecord(self._describe(found[0]))
        self.rejected += found
        keep = np.ones(ends.size, dtype=bool)
        keep[bad] = False
        kept = b"".join(data[start : end + 1] for start, end in zip(starts[keep], ends[keep], strict=True))
        return kept, first_record + np.flatnonzero(keep)

    def _describe(self, bad: Rejected) -> str:
        text = bad.text if len(bad.text) <= SHOWN_TEXT else bad.text[:SHOWN_TEXT] + "…"
        where = f"record {bad.record}" + (f", column {bad.column!r}" if bad.column else "")
        return (
            f"{self._source}: {where}: {bad.reason}: {text!r}. Mend the record, "
            "or say -e on_error=quarantine to set such records aside in rejected.csv."
        )

    def _find_ragged(
        self, data: bytes, ends: Positions, toggles: Positions, reasons: dict[int, tuple[str, str]]
    ) -> None:
        array = np.frombuffer(data, np.uint8)
        delimiters = outside(np.flatnonzero(array == self._grammar.delimiter), toggles, False)
        fields = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
        for place in np.flatnonzero(fields != len(self._names)).tolist():
            count = int(fields[place])
            reasons[place] = "", f"{count} field{'s' * (count != 1)} where the header has {len(self._names)}"

    @staticmethod
    def _find_bytes(data: bytes, starts: Positions, ends: Positions, reasons: dict[int, tuple[str, str]]) -> None:
        place = data.find(b"\0")
        while place >= 0:
            record = int(np.searchsorted(ends, place))
            reasons[record] = "", f"a NUL byte at position {place - int(starts[record])}"
            place = data.find(b"\0", int(ends[record]))
        base = 0
        while base < len(data):
            try:
                data[base:].decode("utf-8")
                break
            except UnicodeDecodeError as error:
                place = base + error.start
                record = int(np.searchsorted(ends, place))
                reason = (
                    f"byte {data[place]:#04x} at position {place - int(starts[record])} is not UTF-8 "
                    "(is the file in another encoding, say -e encoding=latin-1?)"
                )
                reasons[record] = "", reason
                base = int(ends[record]) + 1

    def _find_unfit(self, data: bytes, places: list[int], reasons: dict[int, tuple[str, str]]) -> None:
        fixed = [(column, place) for column, place in zip(self._columns, self._places, strict=True)]
        fixed = [(column, place) for column, place in fixed if column in self._schema.fixed]
        text = self._parse(data) if fixed else None
        if text is None:
            return
        for column, place in fixed:
            kind = self._schema.fixed[column]
            strings = self._text(text, place)
            for row in np.flatnonzero(self._values.misfits(strings, kind)).tolist():
                reasons.setdefault(places[row], (column, f"{strings[row].as_py()!r} is not of the type {kind}"))

"""Finds all bad records of a block, with reasons, in a few passes.

Whether a record is bad does not depend on its block. Its reason is the first of: invalid UTF-8, a NUL, a quote that is
never closed, a wrong number of fields, a value that does not fit the column's declared type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.raw_records import raw_records
from csvswarm.csv_format.record_scan import NO_POSITIONS, Grammar, Positions, positions_of, record_starts, unquoted
from csvswarm.errors import shown
from csvswarm.native import record_scan
from csvswarm.reading.arrow_parser import parse
from csvswarm.reading.mismatched_values import mismatched_values
from csvswarm.reading.native_block import FieldFinder
from csvswarm.reading.rows import Rejected
from csvswarm.runtime.lazy_imports import pa
from csvswarm.types.conversion import TextConverter
from csvswarm.types.formats import Formats

#: Name, index and declared type of a column.
DeclaredColumn = tuple[str, int, str]
#: Column ("" for the whole record) and reason, by the record's index in its block.
Reasons = dict[int, tuple[str, str]]


@dataclass(frozen=True)
class _Records:
    """The records of a block, each terminated by LF.

    ends: their offsets. fields: number of fields of each. maybe_not_utf8: indices of records that may not be UTF-8.
    may_have_nul: whether there may be NULs. ends_inside_quotes: whether the last one opens a quote that is never
    closed.
    """

    data: bytes
    ends: Positions
    fields: Positions
    maybe_not_utf8: Positions
    may_have_nul: bool
    ends_inside_quotes: bool = False

    @cached_property
    def starts(self) -> Positions:
        return record_starts(self.ends)

    def without(self, rows: Sequence[int]) -> bytes:
        """Return the bytes of all records but these rows."""
        if not rows:
            return self.data
        keep = np.ones(self.ends.size + 2, dtype=bool)
        keep[0] = keep[-1] = False
        keep[np.array(rows) + 1] = False
        changes = np.flatnonzero(keep[1:] != keep[:-1]).reshape(-1, 2)  # start and end of each kept run
        lows, highs = self.starts[changes[:, 0]].tolist(), (self.ends[changes[:, 1] - 1] + 1).tolist()
        return b"".join([self.data[low:high] for low, high in zip(lows, highs, strict=True)])


def _records(data: bytes, grammar: Grammar) -> _Records:
    """Return the records of a block, from the native kernel unless it declines."""
    terminated = record_scan.with_line_feeds(data, grammar.delimiter, grammar.quote)
    if (
        terminated is not None
        and (found := record_scan.records(terminated, grammar.delimiter, grammar.quote)) is not None
    ):
        beyond = np.flatnonzero(found[2] & record_scan.BEYOND_ASCII)
        maybe_not_utf8 = NO_POSITIONS if not beyond.size or record_scan.is_utf8(terminated) else beyond
        ends, fields = found[0].astype(np.int64), found[1].astype(np.int64)
        return _Records(terminated, ends, fields, maybe_not_utf8, bool((found[2] & record_scan.NUL).any()))
    data, ends, toggles = raw_records(data, grammar)
    array = np.frombuffer(data, np.uint8)
    delimiters = unquoted(positions_of(array, grammar.delimiter), toggles, False)
    fields = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
    maybe_not_utf8 = NO_POSITIONS
    if ends.size and not _is_utf8(data):
        maybe_not_utf8 = np.flatnonzero(np.maximum.reduceat(array, record_starts(ends)) >= 128)
    return _Records(data, ends, fields, maybe_not_utf8, b"\0" in data, toggles.size % 2 == 1)


class Triage:
    """Separates bad records from blocks of records of `width` fields."""

    def __init__(
        self,
        dialect: Dialect,
        width: int,
        declared: Sequence[DeclaredColumn],
        converter: TextConverter,
        formats: Formats | None = None,
    ) -> None:
        self._formats = formats or Formats()
        self._dialect, self._width, self._declared, self._converter = dialect, width, list(declared), converter
        self._grammar = Grammar(dialect)
        self._column_indexes = [column_index for _, column_index, _ in self._declared]
        self._finder = FieldFinder(self._grammar, width, self._column_indexes, converter.null_values)

    def split_bad(self, data: bytes, first_record: int) -> tuple[bytes, npt.NDArray[np.int64], list[Rejected]]:
        """Return (the block without bad records, numbers of the good records, the bad records in order).

        first_record: the number of the block's first record.
        """
        records = _records(data, self._grammar)
        reasons: Reasons = {}
        self._find_ragged(records, reasons)
        _find_nul(records, reasons)
        _find_not_utf8(records, reasons)
        good = np.ones(records.ends.size, dtype=bool)
        good[list(reasons)] = False
        kept = records.without(sorted(reasons))
        if found := self._find_mismatches(kept, np.flatnonzero(good)):
            reasons |= found
            kept = records.without(sorted(reasons))
            good[list(found)] = False
        bad = [self._rejected(records, row, first_record, *reasons[row]) for row in sorted(reasons)]
        return kept, first_record + np.flatnonzero(good), bad

    @staticmethod
    def _rejected(records: _Records, row: int, first_record: int, column: str, reason: str) -> Rejected:
        start, end = int(records.ends[row - 1]) + 1 if row else 0, int(records.ends[row])
        return Rejected(first_record + row, column, reason, records.data[start:end].decode("utf-8", errors="replace"))

    def _find_ragged(self, records: _Records, reasons: Reasons) -> None:
        ragged = np.flatnonzero(records.fields != self._width)
        for row, count in zip(ragged.tolist(), records.fields[ragged].tolist(), strict=True):
            reasons[row] = "", f"{count} field{'s' * (count != 1)} where the header has {self._width}"
        if records.ends_inside_quotes:
            reasons[records.ends.size - 1] = "", "a quote that is never closed"

    def _all_fit(self, data: bytes) -> bool:
        """Whether the kernel finds that all values fit."""
        if any(self._formats.of(column, kind) for column, _, kind in self._declared):
            return False
        found = self._finder.find(data)
        return found is not None and all(
            self._finder.column(found, column_index, kind) is not None for _, column_index, kind in self._declared
        )

    def _texts(self, data: bytes) -> pa.Table | None:
        if (text := self._finder.texts(data)) is not None:
            return text
        return parse(data, self._dialect, self._width, self._column_indexes, self._converter.null_values)

    def _find_mismatches(self, data: bytes, block_rows: Positions) -> Reasons:
        """Return the records with values that do not fit declared types; the first such column is the reason."""
        reasons: Reasons = {}
        if not self._declared or not block_rows.size or self._all_fit(data) or (text := self._texts(data)) is None:
            return reasons
        for column, column_index, kind in self._declared:
            strings = text.column(str(column_index)).combine_chunks()
            written, name = self._formats.of(column, kind), self._formats.type_name(column, kind)
            plain = strings if written is None else written.plain(strings, self._converter.null_array)
            rows = np.flatnonzero(mismatched_values(self._converter, plain, kind))
            for row, value in zip(rows.tolist(), strings.take(rows).to_pylist(), strict=True):
                reasons.setdefault(int(block_rows[row]), (column, f"{shown(value)!r} is not of the type {name}"))
        return reasons


def _find_nul(records: _Records, reasons: Reasons) -> None:
    if not records.may_have_nul:
        return
    nul_positions = positions_of(np.frombuffer(records.data, np.uint8), 0)
    found, first = np.unique(np.searchsorted(records.ends, nul_positions), return_index=True)
    positions = nul_positions[first] - records.starts[found]
    for row, position in zip(found.tolist(), positions.tolist(), strict=True):
        reasons[row] = "", f"a NUL byte at position {position}"


def _find_not_utf8(records: _Records, reasons: Reasons) -> None:
    spans = zip(
        records.starts[records.maybe_not_utf8].tolist(), records.ends[records.maybe_not_utf8].tolist(), strict=True
    )
    for row, (start, end) in zip(records.maybe_not_utf8.tolist(), spans, strict=True):
        record = records.data[start:end]
        try:
            record.decode("utf-8")
        except UnicodeDecodeError as error:
            reasons[row] = (
                "",
                (
                    f"byte {record[error.start]:#04x} at position {error.start} is not UTF-8 "
                    "(if the file has another encoding, pass it, for example -e encoding=latin-1)"
                ),
            )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

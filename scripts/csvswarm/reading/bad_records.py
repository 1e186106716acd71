"""The bad records of a block, all found in a few passes over it: which they are, and why.

A record is bad whatever the block it is in, and for one reason: the first of what is not UTF-8, a NUL, a quote that is
never closed, a wrong number of fields, and a value that does not fit the type the user gave its column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.raw_records import raw_records
from csvswarm.csv_format.record_scan import NOWHERE, Grammar, Positions, find, outside, starts_of
from csvswarm.errors import shown
from csvswarm.native import record_scan
from csvswarm.reading.arrow_parser import parse
from csvswarm.reading.misfit_values import misfits
from csvswarm.reading.native_block import Finder
from csvswarm.reading.rows import Rejected
from csvswarm.runtime.lazy_imports import pa
from csvswarm.types.conversion import Values
from csvswarm.types.formats import Formats

#: A column's name, its place, and the type the user gave it.
Fixed = tuple[str, int, str]
#: Column ("" for the whole record) and reason, by the record's place in its block.
Reasons = dict[int, tuple[str, str]]


@dataclass(frozen=True)
class _Records:
    """Records, each ended by LF.

    ends: where. fields: how many each has. suspect: places of records that may not be UTF-8. nul: whether there may be
    NULs. inside: whether the last one opens a quote that is never closed.
    """

    data: bytes
    ends: Positions
    fields: Positions
    suspect: Positions
    nul: bool
    inside: bool = False

    @cached_property
    def starts(self) -> Positions:
        return starts_of(self.ends)

    def without(self, places: Sequence[int]) -> bytes:
        """Return the bytes of all records but those at `places`."""
        if not places:
            return self.data
        keep = np.ones(self.ends.size + 2, dtype=bool)
        keep[0] = keep[-1] = False
        keep[np.array(places) + 1] = False
        changes = np.flatnonzero(keep[1:] != keep[:-1]).reshape(-1, 2)  # first of a run that is kept, and behind it
        lows, highs = self.starts[changes[:, 0]].tolist(), (self.ends[changes[:, 1] - 1] + 1).tolist()
        return b"".join([self.data[low:high] for low, high in zip(lows, highs, strict=True)])


def _records(data: bytes, grammar: Grammar) -> _Records:
    """Return the records of a block, by the native kernel where it can tell."""
    terminated = data if data.endswith(b"\n") else data + b"\n"
    if (found := record_scan.records(terminated, grammar.delimiter, grammar.quote)) is not None:
        beyond = np.flatnonzero(found[2] & record_scan.BEYOND_ASCII)
        suspect = NOWHERE if not beyond.size or record_scan.is_utf8(terminated) else beyond
        ends, fields = found[0].astype(np.int64), found[1].astype(np.int64)
        return _Records(terminated, ends, fields, suspect, bool((found[2] & record_scan.NUL).any()))
    data, ends, toggles = raw_records(data, grammar)
    array = np.frombuffer(data, np.uint8)
    delimiters = outside(find(array, grammar.delimiter), toggles, False)
    fields = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
    suspect = NOWHERE
    if ends.size and not _is_utf8(data):
        suspect = np.flatnonzero(np.maximum.reduceat(array, starts_of(ends)) >= 128)
    return _Records(data, ends, fields, suspect, b"\0" in data, toggles.size % 2 == 1)


class Triage:
    """Sorts the bad records out of blocks of records of `width` fields."""

    def __init__(
        self, dialect: Dialect, width: int, fixed: Sequence[Fixed], values: Values, formats: Formats | None = None
    ) -> None:
        self._formats = formats or Formats()
        self._dialect, self._width, self._fixed, self._values = dialect, width, list(fixed), values
        self._grammar = Grammar(dialect)
        self._places = [place for _, place, _ in self._fixed]
        self._finder = Finder(self._grammar, width, self._places, values.null_values)

    def sort_out(self, data: bytes, first_record: int) -> tuple[bytes, npt.NDArray[np.int64], list[Rejected]]:
        """Return (the block without its bad records, the numbers of the rest, the bad records in order).

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
        if found := self._find_unfit(kept, np.flatnonzero(good)):
            reasons |= found
            kept = records.without(sorted(reasons))
            good[list(found)] = False
        bad = [self._rejected(records, place, first_record, *reasons[place]) for place in sorted(reasons)]
        return kept, first_record + np.flatnonzero(good), bad

    @staticmethod
    def _rejected(records: _Records, place: int, first_record: int, column: str, reason: str) -> Rejected:
        start, end = int(records.ends[place - 1]) + 1 if place else 0, int(records.ends[place])
        return Rejected(first_record + place, column, reason, records.data[start:end].decode("utf-8", errors="replace"))

    def _find_ragged(self, records: _Records, reasons: Reasons) -> None:
        ragged = np.flatnonzero(records.fields != self._width)
        for place, count in zip(ragged.tolist(), records.fields[ragged].tolist(), strict=True):
            reasons[place] = "", f"{count} field{'s' * (count != 1)} where the header has {self._width}"
        if records.inside:
            reasons[records.ends.size - 1] = "", "a quote that is never closed"

    def _fit(self, data: bytes) -> bool:
        """Whether the kernel sees that all values fit."""
        if any(self._formats.of(column, kind) for column, _, kind in self._fixed):
            return False
        found = self._finder.find(data)
        return found is not None and all(
            self._finder.column(found, place, kind) is not None for _, place, kind in self._fixed
        )

    def _texts(self, data: bytes) -> pa.Table | None:
        if (text := self._finder.texts(data)) is not None:
            return text
        return parse(data, self._dialect, self._width, self._places, self._values.null_values)

    def _find_unfit(self, data: bytes, places: Positions) -> Reasons:
        """Return why records do not fit the types the user gave; the first column that is wrong counts."""
        reasons: Reasons = {}
        if not self._fixed or not places.size or self._fit(data) or (text := self._texts(data)) is None:
            return reasons
        for column, place, kind in self._fixed:
            strings = text.column(str(place)).combine_chunks()
            written, name = self._formats.of(column, kind), self._formats.type_name(column, kind)
            plain = strings if written is None else written.plain(strings, self._values.nulls)
            rows = np.flatnonzero(misfits(self._values, plain, kind))
            for row, value in zip(rows.tolist(), strings.take(rows).to_pylist(), strict=True):
                reasons.setdefault(int(places[row]), (column, f"{shown(value)!r} is not of the type {name}"))
        return reasons


def _find_nul(records: _Records, reasons: Reasons) -> None:
    if not records.nul:
        return
    where = find(np.frombuffer(records.data, np.uint8), 0)
    found, first = np.unique(np.searchsorted(records.ends, where), return_index=True)
    positions = where[first] - records.starts[found]
    for place, position in zip(found.tolist(), positions.tolist(), strict=True):
        reasons[place] = "", f"a NUL byte at position {position}"


def _find_not_utf8(records: _Records, reasons: Reasons) -> None:
    spans = zip(records.starts[records.suspect].tolist(), records.ends[records.suspect].tolist(), strict=True)
    for place, (start, end) in zip(records.suspect.tolist(), spans, strict=True):
        record = records.data[start:end]
        try:
            record.decode("utf-8")
        except UnicodeDecodeError as error:
            reasons[place] = (
                "",
                (
                    f"byte {record[error.start]:#04x} at position {error.start} is not UTF-8 "
                    "(is the file in another encoding, say -e encoding=latin-1?)"
                ),
            )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

"""The bad records of a block, all found in a few passes over it: which they are, and why.

A record is bad whatever the block it is in, and for one reason: the first of what is not UTF-8, a NUL, a quote that is
never closed, a wrong number of fields, and a value that does not fit the type the user gave its column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .dialect import Dialect
from .errors import shown
from .misfits import misfits
from .parser import parse
from .raw import raw_records
from .records import NOWHERE, Bytes, Grammar, Positions, find, outside, starts_of
from .rows import Rejected
from .schema import Values

#: A column's name, its place, and the type the user gave it.
Fixed = tuple[str, int, str]
#: Column ("" for the whole record) and reason, by the record's place in its block.
Reasons = dict[int, tuple[str, str]]


@dataclass(frozen=True)
class _Records:
    """Records, each ended by LF. ends: where; toggles: places of the quotes that count."""

    data: bytes
    ends: Positions
    toggles: Positions

    @property
    def array(self) -> Bytes:
        return np.frombuffer(self.data, np.uint8)

    def without(self, places: Sequence[int]) -> bytes:
        """Return the bytes of all records but those at `places`."""
        if not places:
            return self.data
        starts = starts_of(self.ends)
        keep = np.ones(self.ends.size + 2, dtype=bool)
        keep[0] = keep[-1] = False
        keep[np.array(places) + 1] = False
        changes = np.flatnonzero(keep[1:] != keep[:-1]).reshape(
            -1, 2
        )  # of runs that are kept: the first, and behind it
        lows, highs = starts[changes[:, 0]].tolist(), (self.ends[changes[:, 1] - 1] + 1).tolist()
        return b"".join([self.data[low:high] for low, high in zip(lows, highs, strict=True)])


class Triage:
    """Sorts the bad records out of blocks of records of `width` fields."""

    def __init__(self, dialect: Dialect, width: int, fixed: Sequence[Fixed], values: Values) -> None:
        self._dialect, self._width, self._fixed, self._values = dialect, width, list(fixed), values
        self._grammar = Grammar(dialect)

    def sort_out(self, data: bytes, first_record: int) -> tuple[bytes, npt.NDArray[np.int64], list[Rejected]]:
        """Return (the block without its bad records, the numbers of the rest, the bad records in order).

        first_record: the number of the block's first record.
        """
        records = _Records(*raw_records(data, self._grammar))
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
        delimiters = outside(find(records.array, self._grammar.delimiter), records.toggles, False)
        fields = np.diff(np.searchsorted(delimiters, records.ends), prepend=0) + 1
        for place in np.flatnonzero(fields != self._width).tolist():
            count = int(fields[place])
            reasons[place] = "", f"{count} field{'s' * (count != 1)} where the header has {self._width}"
        if records.toggles.size % 2:
            reasons[records.ends.size - 1] = "", "a quote that is never closed"

    def _find_unfit(self, data: bytes, places: Positions) -> Reasons:
        """Return why records do not fit the types the user gave; the first column that is wrong counts."""
        reasons: Reasons = {}
        columns = [place for _, place, _ in self._fixed]
        null_values = self._values.null_values
        text = parse(data, self._dialect, self._width, columns, null_values) if columns and places.size else None
        if text is None:
            return reasons
        for column, place, kind in self._fixed:
            strings = text.column(str(place)).combine_chunks()
            rows = np.flatnonzero(misfits(self._values, strings, kind))
            for row, value in zip(rows.tolist(), strings.take(rows).to_pylist(), strict=True):
                reasons.setdefault(int(places[row]), (column, f"{shown(value)!r} is not of the type {kind}"))
        return reasons


def _find_nul(records: _Records, reasons: Reasons) -> None:
    where = find(records.array, 0) if b"\0" in records.data else NOWHERE
    found, first = np.unique(np.searchsorted(records.ends, where), return_index=True)
    positions = where[first] - starts_of(records.ends)[found]
    for place, position in zip(found.tolist(), positions.tolist(), strict=True):
        reasons[place] = "", f"a NUL byte at position {position}"


def _find_not_utf8(records: _Records, reasons: Reasons) -> None:
    if _is_utf8(records.data):
        return
    starts = starts_of(records.ends)
    beyond_ascii = np.flatnonzero(np.maximum.reduceat(records.array, starts) >= 128)
    spans = zip(starts[beyond_ascii].tolist(), records.ends[beyond_ascii].tolist(), strict=True)
    for place, (start, end) in zip(beyond_ascii.tolist(), spans, strict=True):
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

"""Rows as processors get them, and rejected records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from csvswarm.csv_format.record_scan import NO_POSITIONS, Positions, record_starts
from csvswarm.reading.native_block import NumericColumn, ScannedBlock
from csvswarm.runtime.lazy_imports import pa


@dataclass(frozen=True)
class Rejected:
    """A record set aside: its number in the input (from 1, the header not counted), why, and its text.

    details: the whole message of the error, where the reason is a short form of it.
    """

    record: int
    column: str
    reason: str
    text: str
    details: str = ""


class Rows:
    """Rows of the input, with their values and, optionally, their raw records.

    numbers: the record number of every row. block: the block if the native kernel read it, else None. data: the raw
    records, in UTF-8; ends: position of the last byte of each row's terminator in it; toggles: those of the quotes that
    count. Raw records are kept only when asked for, or where they cost nothing.
    """

    def __init__(
        self,
        table: pa.Table | ScannedBlock,
        numbers: npt.NDArray[np.int64],
        data: bytes = b"",
        ends: Positions = NO_POSITIONS,
        find_toggles: Callable[[], Positions] = lambda: NO_POSITIONS,
    ) -> None:
        self.block = table if isinstance(table, ScannedBlock) else None
        self._table = None if isinstance(table, ScannedBlock) else table
        self.numbers = numbers
        self.data = data if self.block is None else self.block.data
        self._ends = ends
        self._find_toggles = find_toggles

    @cached_property
    def table(self) -> pa.Table:
        """The requested columns, in the schema's types."""
        return self._table if self.block is None else self.block.table

    @cached_property
    def ends(self) -> Positions:
        return self._ends if self.block is None else self.block.ends.astype(np.int64)

    @cached_property
    def toggles(self) -> Positions:
        """The positions of quotes that open or close fields, found on demand."""
        return self._find_toggles() if self.block is None else self.block.quote_positions()

    def plain(self, name: str) -> npt.NDArray[np.generic]:
        """Return a column as int64, if it has no missing value, or as float64, NaN where missing."""
        column = self.block.columns[name] if self.block else None
        return column.values if isinstance(column, NumericColumn) else self.table.column(name).to_numpy()

    def __len__(self) -> int:
        return len(self.numbers)


def tail(previous: Rows | None, rows: Rows, count: int) -> Rows:
    """Return the last `count` rows of `previous` followed by `rows`."""
    if previous is None or len(rows) >= count:
        return slice_rows(rows, max(0, len(rows) - count), len(rows))
    both = concat_rows([previous, rows])
    return slice_rows(both, max(0, len(both) - count), len(both))


def concat_rows(parts: list[Rows]) -> Rows:
    """Concatenate rows, without their raw records."""
    return Rows(pa.concat_tables([part.table for part in parts]), np.concatenate([part.numbers for part in parts]))


def slice_rows(rows: Rows, start: int, stop: int) -> Rows:
    """Return the rows `start` to `stop`, the latter excluded."""
    table = rows.table.slice(start, stop - start)
    if not rows.data:
        return Rows(table, rows.numbers[start:stop])
    base = int(rows.ends[start - 1]) + 1 if start else 0
    end = int(rows.ends[stop - 1]) + 1 if stop > start else base

    def toggles() -> Positions:
        return rows.toggles[(rows.toggles >= base) & (rows.toggles < end)] - base

    return Rows(table, rows.numbers[start:stop], rows.data[base:end], rows.ends[start:stop] - base, toggles)


def drop_rows(rows: Rows, indexes: Sequence[int]) -> Rows:
    """Return all rows but those with these indexes."""
    keep = np.ones(len(rows), dtype=bool)
    keep[list(indexes)] = False
    table, numbers = rows.table.filter(pa.array(keep)), rows.numbers[keep]
    if not rows.data:
        return Rows(table, numbers)
    starts, sizes = record_starts(rows.ends), np.diff(rows.ends, prepend=-1)
    data = b"".join([rows.data[start : end + 1] for start, end in zip(starts[keep], rows.ends[keep], strict=True)])
    moved = np.cumsum(np.where(keep, 0, sizes))  # how far each kept record moves forward

    def toggles() -> Positions:
        of = np.searchsorted(rows.ends, rows.toggles)
        kept: Positions = (rows.toggles - moved[of])[keep[of]]
        return kept

    return Rows(table, numbers, data, np.cumsum(sizes[keep]) - 1, toggles)


def record_text(rows: Rows) -> str:
    """Return the text of one record: the raw record if available, else the values read."""
    if rows.data:
        return rows.data.decode("utf-8", errors="replace").rstrip("\n")
    return ",".join("" if value is None else str(value) for value in next(iter(rows.table.to_pylist()), {}).values())

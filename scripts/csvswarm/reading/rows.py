"""Rows as processors get them, and rejected records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from csvswarm.csv_format.record_scan import NO_POSITIONS, Positions, record_starts
from csvswarm.reading.native_block import NumericColumn, ScannedBlock
from csvswarm.runtime.lazy_imports import pa


class Rejected(NamedTuple):
    """A rejected record: its number in the input (from 1, without the header), the reason, and its text.

    details: the whole message of the error, where the reason is a short form of it.
    """

    record: int
    column: str
    reason: str
    text: str
    details: str = ""


class Rows:
    """Rows of the input: their typed columns and, with `RAW = True`, their raw records.

    `process` gets one per block, if the processor declares `BLOCK = "rows"`. `len(rows)` is the number of rows, n.

    Attributes:
        numbers: int64, shape (n,): number of each row's record in the file, from 1.
        data: the raw records as bytes, UTF-8, each ended by one LF. Empty without `RAW = True`, except where keeping
            them costs nothing.
        block: internal; what the native kernel read, None when Arrow read the block.
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
        """The requested columns as a pyarrow Table of n rows, in the types of `context.schema`."""
        return self._table if self.block is None else self.block.table

    @cached_property
    def ends(self) -> Positions:
        """int64, shape (n,): byte offset in `data` of each record's LF; empty without raw records."""
        return self._ends if self.block is None else self.block.ends.astype(np.int64)

    @cached_property
    def toggles(self) -> Positions:
        """int64, shape (q,): byte offsets in `data` of the quotes that open or close a field, in order."""
        return self._find_toggles() if self.block is None else self.block.toggles()

    def plain(self, name: str) -> npt.NDArray[np.generic]:
        """Return a numeric column as a numpy array, without converting it to Arrow first.

        Args:
            name: a requested column of type `float`, or of type `int` without missing values.

        Returns:
            Shape (n,): int64 for `int`; float64 for `float`, NaN for missing values. The array may be read-only.

        Raises:
            KeyError: the column was not requested.
        """
        column = self.block.columns[name] if self.block else None
        return column.values if isinstance(column, NumericColumn) else self.table.column(name).to_numpy()

    def records(self) -> pa.Array:
        """Return the raw records as binary, shape (n,), each ended by one LF. Requires `RAW = True`."""
        offsets = np.zeros(len(self) + 1, np.int32)
        offsets[1:] = self.ends + 1
        return pa.Array.from_buffers(pa.binary(), len(self), [None, pa.py_buffer(offsets), pa.py_buffer(self.data)])

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

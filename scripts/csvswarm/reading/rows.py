"""Rows of the input, as processors get them, and records that were set aside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from csvswarm.csv_format.record_scan import NOWHERE, Positions, starts_of
from csvswarm.reading.native_block import Block, Numbers
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
    """Some rows of the input, with what is needed to compute on them and to write them again as they were.

    numbers: the record number of every row. block: what the native kernel has read, None when it has not. data: the raw
    records, in UTF-8; ends: position of the last byte of each row's terminator in it; toggles: those of the quotes that
    count. Raw records are kept only when asked for, or where they cost nothing.
    """

    def __init__(
        self,
        table: pa.Table | Block,
        numbers: npt.NDArray[np.int64],
        data: bytes = b"",
        ends: Positions = NOWHERE,
        find_toggles: Callable[[], Positions] = lambda: NOWHERE,
    ) -> None:
        self.block = table if isinstance(table, Block) else None
        self._table = None if isinstance(table, Block) else table
        self.numbers = numbers
        self.data = data if self.block is None else self.block.data
        self._ends = ends
        self._find_toggles = find_toggles

    @cached_property
    def table(self) -> pa.Table:
        """The columns that were asked for, in the schema's types."""
        return self._table if self.block is None else self.block.table

    @cached_property
    def ends(self) -> Positions:
        return self._ends if self.block is None else self.block.ends.astype(np.int64)

    @cached_property
    def toggles(self) -> Positions:
        """The positions of the quotes that count; hardly anybody asks."""
        return self._find_toggles() if self.block is None else self.block.toggles()

    def plain(self, name: str) -> npt.NDArray[np.generic]:
        """Return the values of a column of int64 without a gap, or of float64, NaN where missing."""
        column = self.block.columns[name] if self.block else None
        return column.values if isinstance(column, Numbers) else self.table.column(name).to_numpy()

    def __len__(self) -> int:
        return len(self.numbers)


def tail(before: Rows | None, rows: Rows, count: int) -> Rows:
    """Return the last `count` rows of `rows`, and of those before them."""
    if before is None or len(rows) >= count:
        return sliced(rows, max(0, len(rows) - count), len(rows))
    both = joined([before, rows])
    return sliced(both, max(0, len(both) - count), len(both))


def joined(parts: list[Rows]) -> Rows:
    """Return rows that follow each other as one, without their raw records."""
    return Rows(pa.concat_tables([part.table for part in parts]), np.concatenate([part.numbers for part in parts]))


def sliced(rows: Rows, start: int, stop: int) -> Rows:
    """Return the rows from place `start` up to `stop`."""
    table = rows.table.slice(start, stop - start)
    if not rows.data:
        return Rows(table, rows.numbers[start:stop])
    base = int(rows.ends[start - 1]) + 1 if start else 0
    end = int(rows.ends[stop - 1]) + 1 if stop > start else base

    def toggles() -> Positions:
        return rows.toggles[(rows.toggles >= base) & (rows.toggles < end)] - base

    return Rows(table, rows.numbers[start:stop], rows.data[base:end], rows.ends[start:stop] - base, toggles)


def without(rows: Rows, places: Sequence[int]) -> Rows:
    """Return all rows but those at `places`."""
    keep = np.ones(len(rows), dtype=bool)
    keep[list(places)] = False
    table, numbers = rows.table.filter(pa.array(keep)), rows.numbers[keep]
    if not rows.data:
        return Rows(table, numbers)
    starts, sizes = starts_of(rows.ends), np.diff(rows.ends, prepend=-1)
    data = b"".join([rows.data[start : end + 1] for start, end in zip(starts[keep], rows.ends[keep], strict=True)])
    moved = np.cumsum(np.where(keep, 0, sizes))  # how far what is kept moves to the front

    def toggles() -> Positions:
        of = np.searchsorted(rows.ends, rows.toggles)
        kept: Positions = (rows.toggles - moved[of])[keep[of]]
        return kept

    return Rows(table, numbers, data, np.cumsum(sizes[keep]) - 1, toggles)


def text_of(rows: Rows) -> str:
    """Return the text of one record: as it stands in the file where that is known, else of the columns read."""
    if rows.data:
        return rows.data.decode("utf-8", errors="replace").rstrip("\n")
    return ",".join("" if value is None else str(value) for value in next(iter(rows.table.to_pylist()), {}).values())

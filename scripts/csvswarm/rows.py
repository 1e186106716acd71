"""Rows of the input, as processors get them, and records that were set aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .lean import pa
from .quick import Block, Numbers
from .records import NOWHERE, Positions


@dataclass(frozen=True)
class Rejected:
    """A record set aside: its number in the input (from 1, the header not counted), why, and its text."""

    record: int
    column: str
    reason: str
    text: str


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

"""Rows of the input, as processors get them, and records that were set aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .lean import pa
from .records import NOWHERE, Positions


@dataclass(frozen=True)
class Rejected:
    """A record set aside: its number in the input (from 1, the header not counted), why, and its text."""

    record: int
    column: str
    reason: str
    text: str


@dataclass
class Rows:
    """Some rows of the input, with what is needed to compute on them and to write them again as they were.

    table: the columns that were asked for, in the schema's types. numbers: the record number of every row.
    data: the raw records, in UTF-8; ends: position of the last byte of each row's terminator in it; find_toggles: gives
    those of the quotes that count. Raw records are kept only when asked for.
    """

    table: pa.Table
    numbers: npt.NDArray[np.int64]
    data: bytes = b""
    ends: Positions = field(default_factory=lambda: np.empty(0, np.int64))
    find_toggles: Callable[[], Positions] = lambda: NOWHERE

    @cached_property
    def toggles(self) -> Positions:
        """The positions of the quotes that count; hardly anybody asks."""
        return self.find_toggles()

    def __len__(self) -> int:
        return len(self.numbers)

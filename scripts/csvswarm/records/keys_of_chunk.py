"""Finds the rows of a block whose keys no earlier row of the chunk has, with the kernel's tables of codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from csvswarm.groupby.accumulator import plain_column
from csvswarm.groupby.value_codes import encode
from csvswarm.native.grouping import NumberCodes, TextCodes
from csvswarm.reading.native_block import ScannedBlock, TextColumn

if TYPE_CHECKING:
    from csvswarm.groupby.group_totals import Plain

#: Maximum numbers of keys, for the memory of their tables, and of new keys per row: with more, little is saved.
MAX_KEYS, MAX_SHARE = 1 << 18, 0.5
Integers = npt.NDArray[np.int64]


class KeysOfChunk:
    """The keys of the blocks so far. Missing values are equal."""

    def __init__(self) -> None:
        self._columns: list[TextCodes | NumberCodes] = []
        self._keys: list[NumberCodes] = []
        self._is_off = False

    def new_rows(self, block: ScannedBlock | None, names: Sequence[str], types: Sequence[str]) -> Integers | None:
        """Return the first row of each new key in a block, in order; None if all rows must be taken.

        types: of the columns `names`, which are those of the key.
        """
        if block is None or self._is_off:
            return None
        columns = [plain_column(block.columns[name], kind) for name, kind in zip(names, types, strict=True)]
        given = [column for column in columns if column is not None]
        if len(given) < len(columns):
            return None
        known = self._keys[-1].count if self._keys else 0
        codes = self._codes(given)
        count = self._keys[-1].count
        # Codes are numbered by first appearance, so the first row of a new key has the highest code until then.
        highest = np.maximum.accumulate(np.concatenate([[known - 1], codes]))
        rows: Integers = np.flatnonzero(highest[1:] > highest[:-1])
        if count > MAX_KEYS or len(rows) > MAX_SHARE * len(codes):
            self._is_off, self._columns, self._keys = True, [], []
        return rows

    def _codes(self, columns: list[Plain]) -> Any:
        """Return the code of the key of every row."""
        if not self._columns:
            self._columns = [TextCodes() if isinstance(column, TextColumn) else NumberCodes() for column in columns]
            self._keys = [NumberCodes() for _ in columns]
        codes: Any = 0
        for known, keys, column in zip(self._columns, self._keys, columns, strict=True):
            own = encode(known, column).astype(np.int64) + 1  # 0: the value is missing
            codes = keys.encode(codes << 32 | own).astype(np.int64)
        return codes

"""Groups rows in the kernel: codes for texts and integers, and counts, exact sums and extremes per group.

Only to be used where `kernel()` returns a library.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import mmap
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from csvswarm.native.field_values import EncodedNullValues, Mask, Span
from csvswarm.native.library import kernel
from csvswarm.native.record_scan import Offsets

Array = npt.NDArray[np.generic]
Integers = npt.NDArray[np.int64]
Growing = np.ndarray[Any, Any]

FIRST_ROOM = 1024
#: Bytes from which an array is mapped: pages that are not used take no memory, and it is all returned when it is freed.
LARGE_BYTES = 1 << 20
#: Rows that are numbered at a time.
MAX_ROWS = 1 << 16


class _Codes:
    """Numbers distinct keys from 0, in order of first appearance, over any number of calls."""

    def __init__(self) -> None:
        self._table = np.zeros(2 * FIRST_ROOM, np.uint64)
        self.count = 0

    @property
    def nbytes(self) -> int:
        """Number of bytes of the keys and their table that are in use."""
        return self._table.nbytes

    def _reserve(self, more: int) -> tuple[int, int]:
        """Make room for more keys in the table; return its address and number of slots."""
        slots = len(self._table)
        while 2 * slots < 3 * (self.count + more):
            slots *= 2
        if slots != len(self._table):
            table = zeros((slots,), np.uint64)
            _library().csvswarm_grow(self._table.ctypes.data, len(self._table), table.ctypes.data, slots)
            self._table = table
        return self._table.ctypes.data, slots

    def free_table(self) -> None:
        """Free the table, which only further keys need."""
        self._table = np.zeros(0, np.uint64)

    def _set_count(self, count: int) -> None:
        if count < 0:
            raise ValueError("the kernel refuses to number more than 2**31 keys")
        self.count = count


class TextCodes(_Codes):
    """Numbers texts."""

    def __init__(self) -> None:
        super().__init__()
        self._arena, self._ends = np.empty(FIRST_ROOM, np.uint8), np.zeros(FIRST_ROOM, np.int64)

    def encode(self, span: Span, nulls: EncodedNullValues) -> Offsets:
        """Return the code of every text, -1 where it is missing."""
        parts = (Span(span.data, span.starts[rows], span.stops[rows], span.quote) for rows in _slices(len(span)))
        return _joined([self._encode(part, nulls) for part in parts])

    def _encode(self, span: Span, nulls: EncodedNullValues) -> Offsets:
        table = self._reserve(len(span))
        used = int(self._ends[self.count])
        self._arena = with_room(self._arena, used, used + int((span.stops - span.starts).sum(dtype=np.int64)))
        self._ends = with_room(self._ends, self.count + 1, self.count + 1 + len(span))
        codes = np.empty(len(span), np.int32)
        known = self._arena.ctypes.data, self._ends.ctypes.data, self.count
        given = *span.arguments, *nulls.arguments, *table, *known
        self._set_count(_library().csvswarm_text_codes(*given, codes.ctypes.data))
        return codes

    @property
    def nbytes(self) -> int:
        return super().nbytes + int(self._ends[self.count]) + self.count * self._ends.itemsize

    def arena(self) -> tuple[Array, Integers]:
        """Return the texts in the order of their codes: their bytes, and where each begins and the last one ends."""
        return self._arena, self._ends[: self.count + 1]

    def texts(self) -> list[str]:
        """Return the texts in the order of their codes."""
        ends = self._ends[: self.count + 1].tolist()
        data = self._arena[: ends[-1]].tobytes()
        return [data[start:stop].decode() for start, stop in itertools.pairwise(ends)]


class NumberCodes(_Codes):
    """Numbers integers."""

    def __init__(self) -> None:
        super().__init__()
        self._keys = np.empty(FIRST_ROOM, np.int64)

    @property
    def nbytes(self) -> int:
        return super().nbytes + self.count * self._keys.itemsize

    def encode(self, numbers: Integers, missing: Mask | None = None) -> Offsets:
        """Return the code of every integer, -1 where it is missing."""
        parts = _slices(len(numbers))
        return _joined([self._encode(numbers[rows], None if missing is None else missing[rows]) for rows in parts])

    def _encode(self, numbers: Integers, missing: Mask | None) -> Offsets:
        table = self._reserve(len(numbers))
        self._keys = with_room(self._keys, self.count, self.count + len(numbers))
        codes = np.empty(len(numbers), np.int32)
        mask = None if missing is None else missing.ctypes.data
        given = np.ascontiguousarray(numbers), mask, len(numbers)
        known = self._keys.ctypes.data, self.count, codes.ctypes.data
        self._set_count(_library().csvswarm_number_codes(given[0].ctypes.data, *given[1:], *table, *known))
        return codes

    def keys(self) -> Integers:
        """Return the integers in the order of their codes."""
        return self._keys[: self.count]


def _slices(rows: int) -> Iterator[slice]:
    """Yield slices of rows, so that there is never much more room than keys."""
    yield from (slice(start, start + MAX_ROWS) for start in range(0, max(1, rows), MAX_ROWS))


def _joined(codes: list[Offsets]) -> Offsets:
    return codes[0] if len(codes) == 1 else np.concatenate(codes)


def with_room(array: Growing, used: int, needed: int, fill: int = 0) -> Growing:
    """Return the array if it has room for `needed` entries, else a larger one with its first `used` entries.

    fill: value of the other entries, 0 by default.
    """
    if needed <= len(array):
        return array
    # Room that is not used takes no memory, unless it is filled (see `zeros`).
    grown: Growing = zeros((needed + (needed // 8 if fill else 3 * needed), *array.shape[1:]), array.dtype)
    grown[:used] = array[:used]
    if fill:
        grown[used:] = fill
    return grown


def zeros(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Growing:
    """Return an array of zeros."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < LARGE_BYTES:
        return np.zeros(shape, dtype)
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel without huge pages
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, dtype).reshape(shape)


def levels_of(values: npt.NDArray[np.float64]) -> range | None:
    """Return the levels (see `exact_sum`) that sums of the values need; None for infinities."""
    ends = np.zeros(2, np.int32)
    status = _library().csvswarm_levels(values.ctypes.data, len(values), ends.ctypes.data)
    if status:
        return range(0) if status > 0 else None
    return range(int(ends[0]), int(ends[1]) + 1)


def add_sums(values: npt.NDArray[np.float64], codes: Offsets, lowest: int, sums: Integers) -> None:
    """Add the values to the sums of their groups. NaN and rows without a group (-1) are skipped.

    sums: shape (groups, levels), in units of the levels from `lowest` on, which must include `levels_of(values)`.
    """
    given = values.ctypes.data, codes.ctypes.data, len(values), len(sums), lowest, sums.shape[1]
    if _library().csvswarm_sums(*given, sums.ctypes.data):
        raise ValueError("a value is outside of the levels of its sum")


def add_counts(
    values: Array, codes: Offsets, counts: Integers, smallest: Integers | None = None, largest: Integers | None = None
) -> None:
    """Add the values to the counts of their groups, and to the smallest and largest keys (see `sort_keys`) if given.

    values: int64 or float64. NaN and rows without a group (-1) are skipped.
    """
    given = values.ctypes.data, values.dtype == np.int64, codes.ctypes.data, len(values), len(counts)
    ends = (None if array is None else array.ctypes.data for array in (smallest, largest))
    if _library().csvswarm_extremes(*given, counts.ctypes.data, *ends):
        raise ValueError("a group is out of range")


def _library() -> ctypes.CDLL:
    library = kernel()
    if library is None:
        raise RuntimeError("groups are coded by the kernel, and there is none")
    return library

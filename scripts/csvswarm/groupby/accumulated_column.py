"""The state of one measured column in arrays, which the native kernel adds the blocks of a chunk to."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from csvswarm.arithmetic.exact_sum import square_parts
from csvswarm.arithmetic.sort_keys import keys_of
from csvswarm.groupby.group_totals import ENTRIES_OF_VALUE, ColumnArrays, ColumnTotals
from csvswarm.groupby.state_kinds import COUNT, FIRST, LARGEST, LAST, SMALLEST, SQUARES, SUM, VALUES
from csvswarm.groupby.value_codes import encode, encode_pairs, listed_values, value_array
from csvswarm.native import field_values
from csvswarm.native.grouping import NumberCodes, TextCodes, add_counts, add_sums, levels_of, with_room, zeros
from csvswarm.native.record_scan import Offsets
from csvswarm.reading.native_block import NumericColumn, TextColumn
from csvswarm.runtime.lazy_imports import pa

if TYPE_CHECKING:
    from csvswarm.groupby.group_totals import Plain

    Integers = npt.NDArray[np.int64]
    State = tuple[dict[tuple[int, int], Integers], dict[int, tuple[Integers, Integers]]]
    Floats = npt.NDArray[np.float64]

LIMITS = np.iinfo(np.int64)


class AccumulatedColumn:
    """The state of one column, by the codes of groups."""

    def __init__(self, kinds: set[int]) -> None:
        self._kinds, self._groups = kinds, 0
        self._counts = np.zeros(0, np.int64)
        # Both or none: the kernel finds them together.
        self._ends = {kind: np.zeros(0, np.int64) for kind in (SMALLEST, LARGEST) if kinds & {SMALLEST, LARGEST}}
        self._picked = {kind: np.zeros((0, 2), np.int64) for kind in kinds & {FIRST, LAST}}
        self._sums = {kind: _Sums() for kind in kinds & {SUM, SQUARES}}
        self._values: TextCodes | NumberCodes | None = None
        self._pairs, self._numbers = NumberCodes(), np.zeros(0, np.int64)

    @property
    def nbytes(self) -> int:
        """Number of bytes of the state that are in use."""
        parts = [self._counts, *self._ends.values(), *self._picked.values()]
        parts += [sums.units for sums in self._sums.values()]
        of_group = sum(part.itemsize * math.prod(part.shape[1:]) for part in parts)
        of_values = self._pairs.nbytes + self._pairs.count * self._numbers.itemsize if self._values else 0
        return self._groups * of_group + of_values + (self._values.nbytes if self._values else 0)

    def entries(self, groups: int) -> int:
        """Return about the number of entries of the state of `groups` groups."""
        sums = sum(one.units.shape[1] for one in self._sums.values())
        return groups * (len(self._kinds) + sums) + self._pairs.count * ENTRIES_OF_VALUE

    def add(self, column: Plain, codes: Offsets, groups: int, numbers: Integers) -> None:
        """Add a block. codes: the group of every row, below `groups`; numbers: its record number."""
        used, self._groups = self._groups, groups
        self._counts = with_room(self._counts, used, groups)
        for kind, ends in self._ends.items():
            self._ends[kind] = with_room(ends, used, groups, LIMITS.max if kind == SMALLEST else LIMITS.min)
        if isinstance(column, TextColumn):
            self._add_texts(column, codes)
            return
        own = codes if column.missing is None else np.where(column.missing, np.int32(-1), codes)
        add_counts(column.values, own, self._counts, self._ends.get(SMALLEST), self._ends.get(LARGEST))
        if self._sums:
            floats = column.values.astype(np.float64, copy=False)
            for kind, sums in self._sums.items():
                for part in (floats,) if kind == SUM else square_parts(floats) or ():
                    sums.add(part, own, groups)
        if self._picked or VALUES in self._kinds:
            if column.values.dtype == np.float64:
                own = np.where(np.isnan(column.values), np.int32(-1), own)
            keys = keys_of(column.values)
            for kind in self._picked:
                self._pick(kind, keys, own, used, groups, numbers)
            if VALUES in self._kinds:
                self._values = self._values or NumberCodes()
                self._add_values(own, encode(self._values, NumericColumn(keys, own < 0)))

    def _add_texts(self, column: TextColumn, codes: Offsets) -> None:
        if VALUES in self._kinds:
            self._values = self._values or TextCodes()
            found = encode(self._values, column)
            own = np.where(found < 0, np.int32(-1), codes)
            self._add_values(own, found)
        else:
            copied = field_values.texts(column.span, column.null_values)
            missing = copied[2] if copied else None
            own = codes if missing is None else np.where(missing, np.int32(-1), codes)
        self._counts[: self._groups] += np.bincount(own[own >= 0], minlength=self._groups)

    def _add_values(self, codes: Offsets, found: Offsets) -> None:
        used = self._pairs.count
        pairs = encode_pairs(self._pairs, codes, found)
        self._numbers = with_room(self._numbers, used, self._pairs.count)
        self._numbers[: self._pairs.count] += np.bincount(pairs[pairs >= 0], minlength=self._pairs.count)

    def _pick(self, kind: int, keys: Integers, codes: Offsets, used: int, groups: int, numbers: Integers) -> None:
        """Keep the first or last value of every group. used: number of groups before this block."""
        limit = LIMITS.max if kind == FIRST else LIMITS.min
        picked = self._picked[kind] = with_room(self._picked[kind], used, groups, limit)
        count, first, last = np.zeros(groups, np.int64), np.full(groups, LIMITS.max), np.full(groups, LIMITS.min)
        add_counts(np.arange(len(codes)), codes, count, first, last)
        some = np.flatnonzero(count)
        rows = (first if kind == FIRST else last)[some]
        better = numbers[rows] < picked[some, 0] if kind == FIRST else numbers[rows] > picked[some, 0]
        picked[some[better]] = np.stack([numbers[rows], keys[rows]], axis=1)[better]

    def totals(self, count: int) -> ColumnTotals:
        """Return the state of the first `count` groups, as lists."""
        added, picked = self.state(count)
        pairs: list[tuple[int, Any]] = []
        if self._values is not None:
            groups, keys = self._values_of_groups()
            pairs = list(zip(groups.tolist(), listed_values(self._values, keys), strict=True))
        return ColumnTotals(
            {slot: units.tolist() for slot, units in added.items()},
            {kind: (order.tolist(), key.tolist()) for kind, (order, key) in picked.items()},
            dict(zip(pairs, self._numbers.tolist(), strict=False)),
        )

    def parts(self, order: Integers, size: int) -> Iterator[ColumnArrays]:
        """Yield the state of the groups in this order, as arrays, at most `size` groups at a time."""
        added, picked = self.state(len(order))
        starts = range(0, max(1, len(order)), size)
        for start, values in zip(starts, self._parts_of_values(order, starts), strict=True):
            codes = order[start : start + size]
            yield ColumnArrays(
                {slot: units[codes] for slot, units in added.items()},
                {kind: (places[codes], key[codes]) for kind, (places, key) in picked.items()},
                values,
            )

    def _parts_of_values(self, order: Integers, starts: range) -> Iterator[tuple[Integers, pa.Array, Integers] | None]:
        """Yield the values of each part of the groups in this order (see `ColumnArrays`)."""
        if self._values is None:
            yield from (None for _ in starts)
            return
        groups, keys = self._values_of_groups()
        position = np.empty(len(order), np.int64)
        position[order] = np.arange(len(order))
        position = position[groups]
        pairs = np.argsort(position, kind="stable")
        edges = np.searchsorted(position[pairs], [*starts, starts.stop]).tolist()
        for start, (first, stop) in zip(starts, itertools.pairwise(edges), strict=True):
            some = pairs[first:stop]
            yield position[some] - start, pa.array(value_array(self._values, keys[some])), self._numbers[some]

    def _values_of_groups(self) -> tuple[Integers, Integers]:
        """Return the group of every distinct value, and its code."""
        both = self._pairs.keys()
        return both >> 32, both & 0xFFFFFFFF

    def state(self, count: int) -> State:
        """Return what is added and what is picked in the first `count` groups, by their kinds."""
        added = {(COUNT, 0): self._counts}
        for kind, sums in self._sums.items():
            levels = enumerate(sums.units[:count].T, sums.lowest)
            added |= {(kind, level): units for level, units in levels if units.any()}
        picked = {kind: (ends, ends) for kind, ends in self._ends.items() if kind in self._kinds}
        picked |= {kind: (pair[:, 0], pair[:, 1]) for kind, pair in self._picked.items()}
        return (
            {slot: _padded(units, count) for slot, units in added.items()},
            {kind: (_padded(order, count), _padded(key, count)) for kind, (order, key) in picked.items()},
        )


def _padded(units: Integers, count: int) -> Integers:
    """Return the first `count` entries; there may be room for more, or none yet for groups without a value."""
    return units[:count] if len(units) >= count else with_room(units, len(units), count)[:count]


class _Sums:
    """Exact sums of every group. units: shape (groups, levels), in units of the levels from `lowest` on."""

    def __init__(self) -> None:
        self.lowest, self.units, self._used = 0, np.zeros((0, 0), np.int64), 0

    def add(self, values: Floats, codes: Offsets, groups: int) -> None:
        levels = levels_of(values)
        if not levels:
            return
        self._cover(levels)
        self.units, self._used = with_room(self.units, self._used, groups), groups
        add_sums(values, codes, self.lowest, self.units)

    def _cover(self, levels: range) -> None:
        width = self.units.shape[1]
        lowest = min(levels.start, self.lowest) if width else levels.start
        stop = max(levels.stop, self.lowest + width) if width else levels.stop
        if (lowest, stop - lowest) != (self.lowest, width):
            units = zeros((len(self.units), stop - lowest), np.int64)
            units[: self._used, self.lowest - lowest : self.lowest - lowest + width] = self.units[: self._used]
            self.lowest, self.units = lowest, units

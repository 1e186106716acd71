"""Accumulates the groups of the blocks of a chunk in the native kernel.

Keys become dense codes, which stay the same from block to block: texts and numbers are looked up in a hash table, and
several grouping columns are combined in pairs of codes. The state of a column is an array over these codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from csvswarm.arithmetic.exact_sum import square_parts
from csvswarm.arithmetic.sort_keys import keys_of
from csvswarm.groupby.group_totals import MAX_ROWS, ColumnArrays, ColumnTotals, GroupArrays, GroupedBlock, GroupTotals
from csvswarm.groupby.state_kinds import COUNT, FIRST, LARGEST, LAST, SMALLEST, SQUARES, SUM, VALUES
from csvswarm.native import field_values
from csvswarm.native.grouping import NumberCodes, TextCodes, add_extremes, add_sums, levels_of, with_room
from csvswarm.native.record_scan import Offsets
from csvswarm.reading.native_block import ArrowColumn, Column, NumericColumn, ScannedBlock, TextColumn
from csvswarm.runtime.lazy_imports import pa, pc

if TYPE_CHECKING:
    from csvswarm.groupby.group_totals import Plain

    Integers = npt.NDArray[np.int64]
    State = tuple[dict[tuple[int, int], Integers], dict[int, tuple[Integers, Integers]]]
    Floats = npt.NDArray[np.float64]

#: Bytes of state that are kept in memory; more are moved to a file.
MAX_BYTES = 96 << 20
PART_GROUPS = 1 << 15
#: Integers below this are exact as floats.
EXACT = 1 << 53
LIMITS = np.iinfo(np.int64)


def grouped_block(
    block: ScannedBlock,
    numbers: Integers,
    group_by: Sequence[str],
    needs: Mapping[str, set[int]],
    types: Mapping[str, str],
) -> GroupedBlock | None:
    """Return a block as `GroupAccumulator` takes it; None if it needs a table.

    needs: column -> the kinds of state of it. types: column -> its type.
    """
    plain = {name: _plain(block.columns[name], types[name]) for name in {*group_by, *needs}}
    measured = []
    for name, kinds in needs.items():
        column = plain[name]
        if column is None or not _is_measurable(column, kinds):
            return None
        measured.append((kinds, column))
    keys = [column for name in group_by if (column := plain[name]) is not None]
    return GroupedBlock(keys, measured, numbers) if len(keys) == len(group_by) else None


def _plain(column: Column, kind: str) -> Plain | None:
    if isinstance(column, TextColumn) or (isinstance(column, NumericColumn) and kind in ("int", "float")):
        return column
    if isinstance(column, ArrowColumn) and kind in ("bool", "timestamp"):
        array = column.array.cast("int64")
        missing = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
        return NumericColumn(array.fill_null(0).to_numpy(zero_copy_only=False), missing)
    return None


def _is_measurable(column: Plain, kinds: set[int]) -> bool:
    if isinstance(column, TextColumn):
        return kinds <= {COUNT, VALUES}
    values = column.values
    if not kinds & {SUM, SQUARES} or not len(values):
        return True
    if values.dtype == np.int64:
        return max(int(values.max()), -int(values.min())) < EXACT
    return levels_of(values) is not None and (SQUARES not in kinds or square_parts(values) is not None)


class GroupAccumulator:
    """The groups of some blocks."""

    def __init__(self) -> None:
        self._keys: list[TextCodes | NumberCodes] = []
        self._pairs: list[NumberCodes] = []
        self._columns: list[_Accumulated] = []
        self._nbytes = self._growth = 0

    def add(self, block: GroupedBlock) -> None:
        """Add a block. All blocks have the same columns."""
        if not self._keys:
            self._keys = [TextCodes() if isinstance(key, TextColumn) else NumberCodes() for key in block.keys]
            self._pairs = [NumberCodes() for _ in block.keys[1:]]
            self._columns = [_Accumulated(kinds) for kinds, _ in block.measured]
        codes, *others = (_encode(known, key) for known, key in zip(self._keys, block.keys, strict=True))
        for pairs, other in zip(self._pairs, others, strict=True):
            codes = _encode_pairs(pairs, codes, other)
        for column, (_, values) in zip(self._columns, block.measured, strict=True):
            column.add(values, codes, self.count, block.numbers)
        nbytes = sum(one.nbytes for one in [*self._keys, *self._pairs, *self._columns])
        self._nbytes, self._growth = nbytes, nbytes - self._nbytes

    @property
    def count(self) -> int:
        """The number of groups."""
        return [*self._keys[:1], *self._pairs][-1].count if self._keys else 0

    @property
    def is_full(self) -> bool:
        """Whether the groups should be moved to a file: another block like the last one would be too much."""
        return self._nbytes + self._growth > MAX_BYTES

    @property
    def is_large(self) -> bool:
        """Whether the groups should be a table: lists and their file would take longer."""
        return sum(column.rows(self.count) for column in self._columns) > MAX_ROWS

    def totals(self) -> GroupTotals:
        """Return the state of all blocks, as lists."""
        columns = [_values(known, codes) for known, codes in self._codes_of_keys(np.arange(self.count))]
        return GroupTotals(list(zip(*columns, strict=True)), [column.totals(self.count) for column in self._columns])

    def parts(self) -> Iterator[GroupArrays]:
        """Yield the state of all blocks in order of the groups, in parts of PART_GROUPS. No block can be added then."""
        for known in [*self._keys, *self._pairs]:
            known.free_table()
        states = [column.state(self.count) for column in self._columns]
        keys = [pa.array(_value_array(known, codes)) for known, codes in self._codes_of_keys(np.arange(self.count))]
        table = pa.table(keys, names=[str(index) for index in range(len(keys))])
        order = pc.sort_indices(table, [(name, "ascending") for name in table.column_names]).to_numpy().astype(np.int64)
        for start in range(0, max(1, self.count), PART_GROUPS):
            codes = order[start : start + PART_GROUPS]
            keys = [_value_array(known, own) for known, own in self._codes_of_keys(codes)]
            pairs = zip(self._columns, states, strict=True)
            yield GroupArrays(keys, [column.arrays(codes, self.count, state) for column, state in pairs])

    def _codes_of_keys(self, codes: Integers) -> list[tuple[TextCodes | NumberCodes, Integers]]:
        """Return the keys of each grouping column, with their code in every one of some groups."""
        found = []
        for pairs, known in zip(reversed(self._pairs), reversed(self._keys[1:]), strict=True):
            both = pairs.keys()[codes]
            codes = both >> 32
            found.append((known, both & 0xFFFFFFFF))
        return [*zip(self._keys[:1], [codes], strict=False), *reversed(found)]


def _encode(known: TextCodes | NumberCodes, column: Plain) -> Offsets:
    if isinstance(known, TextCodes):
        if not isinstance(column, TextColumn):
            raise TypeError("a column has texts in one block and numbers in another")
        return known.encode(column.span, column.null_values)
    if not isinstance(column, NumericColumn):
        raise TypeError("a column has numbers in one block and texts in another")
    missing = np.isnan(column.values) if column.values.dtype == np.float64 else column.missing
    return known.encode(keys_of(column.values), missing)


def _encode_pairs(pairs: NumberCodes, first: Offsets, second: Offsets) -> Offsets:
    return pairs.encode(first.astype(np.int64) << 32 | second, (first < 0) | (second < 0))


def _values(known: TextCodes | NumberCodes, codes: Integers) -> list[Any]:
    if isinstance(known, NumberCodes):
        values: list[Any] = known.keys()[codes].tolist()
        return values
    texts = known.texts()
    return [texts[code] for code in codes.tolist()]


def _value_array(known: TextCodes | NumberCodes, codes: Integers) -> Any:
    if isinstance(known, NumberCodes):
        return known.keys()[codes]
    data, offsets = known.arena()
    return (
        pa.Array.from_buffers(pa.large_string(), known.count, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
        .take(pa.array(codes))
        .cast(pa.string())
    )


class _Accumulated:
    """The state of one column."""

    def __init__(self, kinds: set[int]) -> None:
        self._kinds = kinds
        self._counts = np.zeros(0, np.int64)
        self._ends = {SMALLEST: np.zeros(0, np.int64), LARGEST: np.zeros(0, np.int64)}
        self._picked = {kind: np.zeros((0, 2), np.int64) for kind in kinds & {FIRST, LAST}}
        self._sums = {kind: _Sums() for kind in kinds & {SUM, SQUARES}}
        self._values: TextCodes | NumberCodes | None = None
        self._pairs, self._numbers = NumberCodes(), np.zeros(0, np.int64)

    @property
    def nbytes(self) -> int:
        parts: list[Integers | NumberCodes] = [
            self._counts,
            *self._ends.values(),
            *self._picked.values(),
            self._pairs,
            self._numbers,
        ]
        parts += [sums.units for sums in self._sums.values()]
        return sum(part.nbytes for part in parts) + (self._values.nbytes if self._values else 0)

    def rows(self, groups: int) -> int:
        sums = sum(one.units.shape[1] for one in self._sums.values())
        return groups * (len(self._kinds) + sums) + self._pairs.count

    def add(self, column: Plain, codes: Offsets, groups: int, numbers: Integers) -> None:
        used = len(self._counts)
        self._counts = with_room(self._counts, used, groups, 0)
        for kind, fill in ((SMALLEST, LIMITS.max), (LARGEST, LIMITS.min)):
            self._ends[kind] = with_room(self._ends[kind], used, groups, fill)
        if isinstance(column, TextColumn):
            self._add_texts(column, codes)
            return
        own = codes if column.missing is None else np.where(column.missing, np.int32(-1), codes)
        add_extremes(column.values, own, self._counts, self._ends[SMALLEST], self._ends[LARGEST])
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
                self._pick(kind, keys, own, groups, numbers)
            if VALUES in self._kinds:
                self._values = self._values or NumberCodes()
                self._add_values(own, _encode(self._values, NumericColumn(keys, own < 0)))

    def _add_texts(self, column: TextColumn, codes: Offsets) -> None:
        if VALUES in self._kinds:
            self._values = self._values or TextCodes()
            found = _encode(self._values, column)
            own = np.where(found < 0, np.int32(-1), codes)
            self._add_values(own, found)
        else:
            copied = field_values.texts(column.span, column.null_values)
            missing = copied[2] if copied else None
            own = codes if missing is None else np.where(missing, np.int32(-1), codes)
        self._counts += np.bincount(own[own >= 0], minlength=len(self._counts))

    def _add_values(self, codes: Offsets, found: Offsets) -> None:
        pairs = _encode_pairs(self._pairs, codes, found)
        self._numbers = with_room(self._numbers, len(self._numbers), self._pairs.count, 0)
        self._numbers += np.bincount(pairs[pairs >= 0], minlength=len(self._numbers))

    def _pick(self, kind: int, keys: Integers, codes: Offsets, groups: int, numbers: Integers) -> None:
        """Keep the first or last value of every group."""
        limit = LIMITS.max if kind == FIRST else LIMITS.min
        picked = self._picked[kind] = with_room(self._picked[kind], len(self._picked[kind]), groups, limit)
        count, first, last = np.zeros(groups, np.int64), np.full(groups, LIMITS.max), np.full(groups, LIMITS.min)
        add_extremes(np.arange(len(codes)), codes, count, first, last)
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
            pairs = list(zip(groups.tolist(), _values(self._values, keys), strict=True))
        return ColumnTotals(
            {slot: units.tolist() for slot, units in added.items()},
            {kind: (order.tolist(), key.tolist()) for kind, (order, key) in picked.items()},
            dict(zip(pairs, self._numbers.tolist(), strict=False)),
        )

    def arrays(self, codes: Integers, count: int, state: State) -> ColumnArrays:
        """Return the state of some of `count` groups, as arrays. state: of all groups."""
        added, picked = state
        values = None
        if self._values is not None:
            groups, keys = self._values_of_groups()
            position = np.full(count, -1)
            position[codes] = np.arange(len(codes))
            some = np.flatnonzero(position[groups] >= 0)
            values = position[groups[some]], pa.array(_value_array(self._values, keys[some])), self._numbers[some]
        return ColumnArrays(
            {slot: units[codes] for slot, units in added.items()},
            {kind: (order[codes], key[codes]) for kind, (order, key) in picked.items()},
            values,
        )

    def _values_of_groups(self) -> tuple[Integers, Integers]:
        """Return the group of every distinct value, and its code."""
        both = self._pairs.keys()
        return both >> 32, both & 0xFFFFFFFF

    def state(self, count: int) -> State:
        """Return what is added and what is picked in the first `count` groups, by their kinds."""
        added = {(COUNT, 0): self._counts}
        for kind, sums in self._sums.items():
            added |= {(kind, sums.lowest + level): units for level, units in enumerate(sums.units.T) if units.any()}
        picked = {kind: (ends, ends) for kind, ends in self._ends.items() if kind in self._kinds}
        picked |= {kind: (pair[:, 0], pair[:, 1]) for kind, pair in self._picked.items()}
        return (
            {slot: _padded(units, count) for slot, units in added.items()},
            {kind: (_padded(order, count), _padded(key, count)) for kind, (order, key) in picked.items()},
        )


def _padded(units: Integers, count: int) -> Integers:
    """Return the first `count` entries; there may be room for more, or none yet for groups without a value."""
    return units[:count] if len(units) >= count else with_room(units, len(units), count, 0)[:count]


class _Sums:
    """Exact sums of every group. units: shape (groups, levels), in units of the levels from `lowest` on."""

    def __init__(self) -> None:
        self.lowest, self.units = 0, np.zeros((0, 0), np.int64)

    def add(self, values: Floats, codes: Offsets, groups: int) -> None:
        levels = levels_of(values)
        if not levels:
            return
        self._cover(levels)
        self.units = with_room(self.units, len(self.units), groups, 0)
        add_sums(values, codes, self.lowest, self.units)

    def _cover(self, levels: range) -> None:
        width = self.units.shape[1]
        lowest = min(levels.start, self.lowest) if width else levels.start
        stop = max(levels.stop, self.lowest + width) if width else levels.stop
        if (lowest, stop - lowest) != (self.lowest, width):
            units = np.zeros((len(self.units), stop - lowest), np.int64)
            units[:, self.lowest - lowest : self.lowest - lowest + width] = self.units
            self.lowest, self.units = lowest, units

"""Accumulates the groups of the blocks of a chunk in the native kernel.

Keys become dense codes, which stay the same from block to block: texts and numbers are looked up in a hash table, and
several grouping columns are combined in pairs of codes. The state of a column is an array over these codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from csvswarm.arithmetic.exact_sum import square_parts
from csvswarm.groupby.accumulated_column import AccumulatedColumn
from csvswarm.groupby.group_totals import MAX_ENTRIES, GroupArrays, GroupedBlock, GroupTotals
from csvswarm.groupby.state_kinds import COUNT, SQUARES, SUM, VALUES
from csvswarm.groupby.value_codes import encode, encode_pairs, listed_values, value_array
from csvswarm.native.grouping import NumberCodes, TextCodes, levels_of
from csvswarm.reading.native_block import ArrowColumn, Column, NumericColumn, ScannedBlock, TextColumn
from csvswarm.runtime.lazy_imports import pa, pc

if TYPE_CHECKING:
    from csvswarm.groupby.group_totals import Plain

    Integers = npt.NDArray[np.int64]

#: Bytes of state that are kept in memory; more are moved to a file.
MAX_BYTES = 72 << 20
PART_GROUPS = 1 << 15
#: Integers below this are exact as floats.
EXACT = 1 << 53


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
    plain = {name: plain_column(block.columns[name], types[name]) for name in {*group_by, *needs}}
    measured = []
    for name, kinds in needs.items():
        column = plain[name]
        if column is None or not _is_measurable(column, kinds):
            return None
        measured.append((kinds, column))
    keys = [column for name in group_by if (column := plain[name]) is not None]
    return GroupedBlock(keys, measured, numbers) if len(keys) == len(group_by) else None


def plain_column(column: Column, kind: str) -> Plain | None:
    """Return a column whose values have codes; None if it has none."""
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
        self._columns: list[AccumulatedColumn] = []
        self._nbytes = self._growth = 0

    def add(self, block: GroupedBlock) -> None:
        """Add a block. All blocks have the same columns."""
        if not self._keys:
            self._keys = [TextCodes() if isinstance(key, TextColumn) else NumberCodes() for key in block.keys]
            self._pairs = [NumberCodes() for _ in block.keys[1:]]
            self._columns = [AccumulatedColumn(kinds) for kinds, _ in block.measured]
        codes, *others = (encode(known, key) for known, key in zip(self._keys, block.keys, strict=True))
        for pairs, other in zip(self._pairs, others, strict=True):
            codes = encode_pairs(pairs, codes, other)
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
        return sum(column.entries(self.count) for column in self._columns) > MAX_ENTRIES

    def totals(self) -> GroupTotals:
        """Return the state of all blocks, as lists."""
        columns = [listed_values(known, codes) for known, codes in self._codes_of_keys(np.arange(self.count))]
        return GroupTotals(list(zip(*columns, strict=True)), [column.totals(self.count) for column in self._columns])

    def parts(self) -> Iterator[GroupArrays]:
        """Yield the state of all blocks in order of the groups, in parts of PART_GROUPS. No block can be added then."""
        for known in [*self._keys, *self._pairs]:
            known.free_table()
        order = self._order()
        columns = zip(*(column.parts(order, PART_GROUPS) for column in self._columns), strict=True)
        for number, arrays in enumerate(columns):
            codes = order[number * PART_GROUPS : (number + 1) * PART_GROUPS]
            yield GroupArrays([value_array(known, own) for known, own in self._codes_of_keys(codes)], list(arrays))

    def _order(self) -> Integers:
        """Return the codes of all groups in order of their keys."""
        first = self._keys[0]
        if not self._pairs and isinstance(first, NumberCodes):
            return np.argsort(first.keys()).astype(np.int64, copy=False)
        keys = [pa.array(value_array(known, codes)) for known, codes in self._codes_of_keys(np.arange(self.count))]
        table = pa.table(keys, names=[str(index) for index in range(len(keys))])
        order = pc.sort_indices(table, [(name, "ascending") for name in table.column_names])
        return np.asarray(order.to_numpy(), np.int64)

    def _codes_of_keys(self, codes: Integers) -> list[tuple[TextCodes | NumberCodes, Integers]]:
        """Return the keys of each grouping column, with their code in every one of some groups."""
        found = []
        for pairs, known in zip(reversed(self._pairs), reversed(self._keys[1:]), strict=True):
            both = pairs.keys()[codes]
            codes = both >> 32
            found.append((known, both & 0xFFFFFFFF))
        return [*zip(self._keys[:1], [codes], strict=False), *reversed(found)]

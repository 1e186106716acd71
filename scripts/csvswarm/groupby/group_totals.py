"""The state of groups as columns of numbers, and its file: what partials of not too many groups have.

It needs neither pyarrow nor the native kernel, and is converted to a table (`group_table`) where one is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csvswarm.errors import filename_in_errors
from csvswarm.groupby.state_kinds import COUNT, LOWEST_PICKED
from csvswarm.runtime.lazy_imports import np

if TYPE_CHECKING:
    import numpy.typing as npt

    from csvswarm.reading.native_block import NumericColumn, TextColumn

    Integers = npt.NDArray[np.int64]
    Plain = TextColumn | NumericColumn

#: Maximum number of rows of state; tables in files handle more.
MAX_ROWS = 1 << 18
#: A group: per grouping column its text, or its value as a key of `sort_keys`.
Group = tuple[Any, ...]


@dataclass(frozen=True)
class GroupedBlock:
    """The grouping columns of a block, and its measured ones with the kinds of state that they need.

    numbers: the rows' record numbers.
    """

    keys: list[Plain]
    measured: list[tuple[set[int], Plain]]
    numbers: Integers


@dataclass
class ColumnTotals:
    """The state of one column in all groups, as arrays of shape (groups,).

    added: (COUNT, 0) -> number of values; (SUM or SQUARES, level) -> units of an exact sum. picked: kind -> (order,
    key) of the value that is kept, undefined in groups without a value. values: group, key (or text) and number of
    equal values; a pair may occur more than once.
    """

    added: dict[tuple[int, int], Integers] = field(default_factory=dict)
    picked: dict[int, tuple[Integers, Integers]] = field(default_factory=dict)
    values: list[tuple[Integers, list[Any], Integers]] = field(default_factory=list)

    @property
    def counts(self) -> Integers:
        """The number of values in every group."""
        return self.added[COUNT, 0]

    def add(self, other: ColumnTotals, groups: Integers, count: int) -> None:
        """Add the state of other rows. groups: the own group of each group of `other`. count: number of own groups."""
        for slot, units in other.added.items():
            self.added[slot] = _padded(self.added.get(slot), count, 0)
            self.added[slot][groups] += units
        for kind, (order, key) in other.picked.items():
            limit = np.iinfo(np.int64).max if kind in LOWEST_PICKED else np.iinfo(np.int64).min
            orders, picked = (_padded(array, count, limit) for array in self.picked.get(kind, (None, None)))
            better = order < orders[groups] if kind in LOWEST_PICKED else order > orders[groups]
            orders[groups[better]], picked[groups[better]] = order[better], key[better]
            self.picked[kind] = (orders, picked)
        self.values += [(groups[of], keys, n) for of, keys, n in other.values]

    def group_values(self, count: int) -> list[tuple[Integers, Integers]]:
        """Return (distinct keys in ascending order, their numbers) of each of `count` groups; texts become codes."""
        keys = [key for _, part, _ in self.values for key in part]
        if keys and isinstance(keys[0], str):
            codes: dict[str, int] = {}
            keys = [codes.setdefault(text, len(codes)) for text in keys]
        of = np.concatenate([np.empty(0, np.int64), *(part for part, _, _ in self.values)])
        numbers = np.concatenate([np.empty(0, np.int64), *(n for _, _, n in self.values)])
        key = np.array(keys, np.int64)
        order = np.lexsort((key, of))
        of, key = of[order], key[order]
        first = np.flatnonzero(np.diff(of, prepend=-1) | np.diff(key, prepend=0))
        totals = np.add.reduceat(numbers[order], first) if len(first) else numbers
        cuts = np.searchsorted(of[first], np.arange(1, count))
        return list(zip(np.split(key[first], cuts), np.split(totals, cuts), strict=True))


@dataclass
class GroupTotals:
    """The state of groups. columns: of each measured column, in order."""

    groups: list[Group] = field(default_factory=list)
    columns: list[ColumnTotals] = field(default_factory=list)
    _index: dict[Group, int] = field(default_factory=dict, repr=False)

    @property
    def rows(self) -> int:
        """About the number of rows of the table that this state is converted to."""
        per_group = sum(len(one.added) + len(one.picked) for one in self.columns)
        return len(self.groups) * per_group + sum(len(n) for one in self.columns for _, _, n in one.values)

    def merge_from(self, other: GroupTotals) -> None:
        """Add the groups of other rows."""
        index = self._index or {group: number for number, group in enumerate(self.groups)}
        groups = np.array([index.setdefault(group, len(index)) for group in other.groups], np.int64)
        self._index, self.groups = index, list(index)
        self.columns = self.columns or [ColumnTotals() for _ in other.columns]
        for mine, theirs in zip(self.columns, other.columns, strict=True):
            mine.add(theirs, groups, len(index))


def save_totals(path: Path, totals: GroupTotals) -> int:
    """Write a state to a file; return its number of groups."""
    columns = [
        {
            "added": [[*key, units.tolist()] for key, units in one.added.items()],
            "picked": [[kind, order.tolist(), key.tolist()] for kind, (order, key) in one.picked.items()],
            "values": [[of.tolist(), list(keys), n.tolist()] for of, keys, n in one.values],
        }
        for one in totals.columns
    ]
    with filename_in_errors(path):
        path.write_text(json.dumps({"groups": totals.groups, "columns": columns}), encoding="utf-8")
    return len(totals.groups)


def load_totals(path: Path) -> GroupTotals:
    """Read a state from a file written by `save_totals`."""
    with filename_in_errors(path):
        data = json.loads(path.read_text(encoding="utf-8"))
    columns = [
        ColumnTotals(
            {(kind, level): np.array(units, np.int64) for kind, level, units in one["added"]},
            {kind: (np.array(order, np.int64), np.array(key, np.int64)) for kind, order, key in one["picked"]},
            [(np.array(of, np.int64), keys, np.array(n, np.int64)) for of, keys, n in one["values"]],
        )
        for one in data["columns"]
    ]
    return GroupTotals([tuple(group) for group in data["groups"]], columns)


def load_all_totals(paths: Iterable[Path]) -> GroupTotals | None:
    """Return the state of all files together; None if it has more than MAX_ROWS rows."""
    totals = GroupTotals()
    for path in paths:
        totals.merge_from(load_totals(path))
        if totals.rows > MAX_ROWS:
            return None
    return totals


def _padded(array: Integers | None, count: int, fill: int) -> Integers:
    """Return an array of `count` entries that starts with the given one."""
    used = 0 if array is None else len(array)
    if array is not None and used == count:
        return array
    padded = np.full(count, fill, np.int64)
    if array is not None:
        padded[:used] = array
    return padded

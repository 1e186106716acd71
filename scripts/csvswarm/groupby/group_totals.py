"""The state of groups as columns of numbers, and its file, for partials with a limited number of groups.

Merging it needs neither numpy, pyarrow nor the native kernel: importing these takes longer than merging usual partials.
It is converted to a table (`group_table`) where one is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from csvswarm.errors import filename_in_errors
from csvswarm.groupby.state_kinds import COUNT, LOWEST_PICKED
from csvswarm.runtime.lazy_imports import np, pa

if TYPE_CHECKING:
    import numpy.typing as npt

    from csvswarm.reading.native_block import NumericColumn, TextColumn

    Integers = npt.NDArray[np.int64]
    Plain = TextColumn | NumericColumn

#: Maximum number of entries of state; for more, a table is faster in spite of its imports.
MAX_ENTRIES = 1 << 16
#: A distinct value of a group counts as so many: its group, itself, its number, and their places in a dictionary.
ENTRIES_OF_VALUE = 4
MAX_INT64 = 2**63 - 1
#: A group: per grouping column its text, or its value as a key of `sort_keys`.
Group = tuple[Any, ...]


class GroupedBlock(NamedTuple):
    """The grouping columns of a block, and its measured ones with the kinds of state that they need.

    numbers: the rows' record numbers.
    """

    keys: list[Plain]
    measured: list[tuple[set[int], Plain]]
    numbers: Integers


class ColumnArrays(NamedTuple):
    """The state of one column, like `ColumnTotals`, as arrays of one entry per group.

    values: (group, key or text, number) of every distinct value, None if values are not needed.
    """

    added: Mapping[tuple[int, int], Integers]
    picked: Mapping[int, tuple[Integers, Integers]]
    values: tuple[Integers, pa.Array, Integers] | None


class GroupArrays(NamedTuple):
    """The state of groups as arrays. keys: the texts or keys of each grouping column. columns: of each measured one."""

    keys: list[Any]
    columns: list[ColumnArrays]


@dataclass
class ColumnTotals:
    """The state of one column, as lists of one entry per group.

    added: (COUNT, 0) -> number of values; (SUM or SQUARES, level) -> units of an exact sum. picked: kind -> (order,
    key) of the value that is kept, undefined in groups without a value. values: (group, key or text) -> number of
    values.
    """

    added: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    picked: dict[int, tuple[list[int], list[int]]] = field(default_factory=dict)
    values: dict[tuple[int, Any], int] = field(default_factory=dict)

    @property
    def counts(self) -> list[int]:
        """The number of values in every group."""
        return self.added[COUNT, 0]

    def add(self, other: ColumnTotals, groups: list[int], count: int) -> None:
        """Add the state of other rows. groups: the own group of each group of `other`. count: number of own groups."""
        self._extend(other, count)
        for slot, units in other.added.items():
            for group, more in zip(groups, units, strict=True):
                self.added[slot][group] += more
        for kind, (order, key) in other.picked.items():
            sign = 1 if kind in LOWEST_PICKED else -1
            orders, keys = self.picked[kind]
            for index, group in enumerate(groups):
                if sign * order[index] < sign * orders[group]:
                    orders[group], keys[group] = order[index], key[index]
        for (group, value), n in other.values.items():
            pair = groups[group], value
            self.values[pair] = self.values.get(pair, 0) + n

    def arrays(self) -> ColumnArrays:
        """Return the state as arrays."""
        added = {slot: np.array(units, np.int64) for slot, units in self.added.items()}
        picked = {
            kind: (np.array(order, np.int64), np.array(key, np.int64)) for kind, (order, key) in self.picked.items()
        }
        values = None
        if self.values:
            groups, keys = zip(*self.values, strict=True)
            values = np.array(groups, np.int64), pa.array(keys), np.array(list(self.values.values()), np.int64)
        return ColumnArrays(added, picked, values)

    def _extend(self, other: ColumnTotals, count: int) -> None:
        """Extend every list to an entry per group, also lists that the other rows lack, like a level of a sum."""
        for slot in other.added:
            self.added.setdefault(slot, [])
        for kind in other.picked:
            self.picked.setdefault(kind, ([], []))
        for units in self.added.values():
            _pad(units, count, 0)
        for kind, (orders, keys) in self.picked.items():
            _pad(orders, count, _worst(kind))
            _pad(keys, count, _worst(kind))

    def group_values(self, count: int) -> list[tuple[list[Any], list[int]]]:
        """Return (distinct keys or texts in ascending order, their numbers) of each of `count` groups."""
        groups: list[tuple[list[Any], list[int]]] = [([], []) for _ in range(count)]
        for (group, key), n in sorted(self.values.items()):
            groups[group][0].append(key)
            groups[group][1].append(n)
        return groups


@dataclass
class GroupTotals:
    """The state of groups. columns: the state of each measured column, in order."""

    groups: list[Group] = field(default_factory=list)
    columns: list[ColumnTotals] = field(default_factory=list)
    _index: dict[Group, int] = field(default_factory=dict, repr=False)

    @property
    def entries(self) -> int:
        """About the number of entries of this state."""
        per_group = sum(len(one.added) + len(one.picked) for one in self.columns)
        return len(self.groups) * per_group + sum(len(one.values) for one in self.columns) * ENTRIES_OF_VALUE

    def arrays(self) -> GroupArrays:
        """Return the state as arrays."""
        return GroupArrays(list(zip(*self.groups, strict=True)), [one.arrays() for one in self.columns])

    def merge_from(self, other: GroupTotals) -> None:
        """Add the groups of other rows."""
        index = self._index or {group: number for number, group in enumerate(self.groups)}
        groups = [index.setdefault(group, len(index)) for group in other.groups]
        self._index, self.groups = index, list(index)
        self.columns = self.columns or [ColumnTotals() for _ in other.columns]
        for mine, theirs in zip(self.columns, other.columns, strict=True):
            mine.add(theirs, groups, len(index))


def save_totals(path: Path, totals: GroupTotals) -> int:
    """Write a state to a file; return its number of groups."""
    columns = [
        {
            "added": [[*slot, units] for slot, units in one.added.items()],
            "picked": [[kind, *pair] for kind, pair in one.picked.items()],
            "values": [[*pair, n] for pair, n in one.values.items()],
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
            {(kind, level): units for kind, level, units in one["added"]},
            {kind: (order, key) for kind, order, key in one["picked"]},
            {(group, key): n for group, key, n in one["values"]},
        )
        for one in data["columns"]
    ]
    return GroupTotals([tuple(group) for group in data["groups"]], columns)


def load_all_totals(paths: Iterable[Path]) -> GroupTotals | None:
    """Return the state of all files together; None if it has more than MAX_ENTRIES entries."""
    totals = GroupTotals()
    for path in paths:
        totals.merge_from(load_totals(path))
        if totals.entries > MAX_ENTRIES:
            return None
    return totals


def _worst(kind: int) -> int:
    """Return an order that any other one replaces."""
    return MAX_INT64 if kind in LOWEST_PICKED else -MAX_INT64 - 1


def _pad(values: list[int], count: int, fill: int) -> None:
    """Append entries up to `count`."""
    values.extend([fill] * (count - len(values)))

"""The state of few groups as plain numbers: counts, exact sums, smallest and largest values.

A faster form of `group_table` for one grouping text column and simple metrics of numeric columns. It needs only the
native kernel, and is converted to a table where one is needed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csvswarm.errors import filename_in_errors
from csvswarm.runtime.lazy_imports import np

if TYPE_CHECKING:
    from csvswarm.reading.native_block import ScannedBlock

#: Maximum number of groups; tables handle more.
MAX_GROUPS = 4096


@dataclass
class GroupTotals:
    """The totals of one column in one group. smallest, largest: keys as in `sort_keys`, None without a value."""

    count: int = 0
    sums: dict[int, int] = field(default_factory=dict)
    smallest: int | None = None
    largest: int | None = None

    def merge_from(self, other: GroupTotals) -> None:
        """Add the totals of other rows."""
        self.count += other.count
        for level, units in other.sums.items():
            self.sums[level] = self.sums.get(level, 0) + units
        self.smallest = min((key for key in (self.smallest, other.smallest) if key is not None), default=None)
        self.largest = max((key for key in (self.largest, other.largest) if key is not None), default=None)


class TotalsByGroup(dict[str, list[GroupTotals]]):
    """The totals of every column, by the text of the group."""

    def merge_from(self, other: TotalsByGroup) -> None:
        """Add the groups of other rows."""
        for name, figures in other.items():
            own = self.setdefault(name, figures)
            if own is not figures:
                for mine, theirs in zip(own, figures, strict=True):
                    mine.merge_from(theirs)


def measure_groups(block: ScannedBlock, group: str, columns: Mapping[str, bool]) -> TotalsByGroup | None:
    """Return the totals of columns in every group of a block; None if the native kernel cannot compute them.

    columns: the measured columns, and whether each needs a sum.
    """
    from csvswarm.native.grouping import codes_of, extremes_of
    from csvswarm.reading.native_block import NumericColumn, TextColumn

    by = block.columns[group]
    found = codes_of(by.span, by.null_values) if isinstance(by, TextColumn) else None
    if found is None or len(found[1]) > MAX_GROUPS or not isinstance(by, TextColumn):
        return None
    codes, firsts = found
    names = [by.span.text(row) for row in firsts.tolist()]
    groups = TotalsByGroup({name: [] for name in names})
    for column, is_summed in columns.items():
        numbers = block.columns[column]
        if not isinstance(numbers, NumericColumn):
            return None
        own = codes if numbers.missing is None else np.where(numbers.missing, np.int32(-1), codes)
        extremes = extremes_of(numbers.values, own, len(names))
        sums = _exact_sums(numbers.values, own, len(names)) if is_summed else {}
        if extremes is None or sums is None:
            return None
        counts, smallest, largest = (array.tolist() for array in extremes)
        levels = {level: units.tolist() for level, units in sums.items()}
        for index, name in enumerate(names):
            some = bool(counts[index])
            own_sums = {level: units[index] for level, units in levels.items() if units[index]}
            groups[name].append(
                GroupTotals(
                    counts[index], own_sums, smallest[index] if some else None, largest[index] if some else None
                )
            )
    return groups


def _exact_sums(values: Any, codes: Any, groups: int) -> Mapping[int, Any] | None:
    if values.dtype == np.int64:
        if len(values) and max(int(values.max()), -int(values.min())) >= 1 << 53:
            return None
        values = values.astype(np.float64)
    from csvswarm.native.grouping import sums_of

    return sums_of(values, codes, groups)


def save_totals(path: Path, groups: TotalsByGroup) -> int:
    """Write groups to a file; return their number."""
    data = [
        [name, [[f.count, [*f.sums.items()], f.smallest, f.largest] for f in figures]]
        for name, figures in groups.items()
    ]
    with filename_in_errors(path):
        path.write_text(json.dumps(data), encoding="utf-8")
    return len(groups)


def load_totals(path: Path) -> TotalsByGroup:
    """Read groups from a file written by `save_totals`."""
    with filename_in_errors(path):
        data = json.loads(path.read_text(encoding="utf-8"))
    return TotalsByGroup(
        {name: [GroupTotals(n, dict(map(tuple, sums)), *ends) for n, sums, *ends in figures] for name, figures in data}
    )

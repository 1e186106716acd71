"""The state of few groups with simple figures, kept as plain numbers: counts, exact sums, smallest and largest.

What `group_table` keeps in tables, for any number of groups and figures of all kinds, this keeps for one text that
groups and for numbers. It needs nothing but the native kernel, and becomes such a table wherever one is wanted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csvswarm.errors import naming
from csvswarm.runtime.lazy_imports import np

if TYPE_CHECKING:
    from csvswarm.reading.native_block import Block

#: More groups than these are for tables.
MOST_GROUPS = 4096


@dataclass
class Figures:
    """What is known of one column in one group. least, most: keys as in `sort_keys`, None without a value."""

    count: int = 0
    sums: dict[int, int] = field(default_factory=dict)
    least: int | None = None
    most: int | None = None

    def add(self, other: Figures) -> None:
        """Take in what is known of other rows."""
        self.count += other.count
        for level, units in other.sums.items():
            self.sums[level] = self.sums.get(level, 0) + units
        self.least = min((key for key in (self.least, other.least) if key is not None), default=None)
        self.most = max((key for key in (self.most, other.most) if key is not None), default=None)


class Groups(dict[str, list[Figures]]):
    """The figures of every column by the text of the group."""

    def absorb(self, other: Groups) -> None:
        """Take in the groups of other rows."""
        for name, figures in other.items():
            own = self.setdefault(name, figures)
            if own is not figures:
                for mine, theirs in zip(own, figures, strict=True):
                    mine.add(theirs)


def measured(block: Block, group: str, columns: Mapping[str, bool]) -> Groups | None:
    """Return the figures of columns in every group of a block; None when it takes more than the native kernel.

    columns: the measured ones, and for each whether its sum is wanted.
    """
    from csvswarm.native.grouping import codes_of, extremes_of
    from csvswarm.reading.native_block import Numbers, Texts

    by = block.columns[group]
    found = codes_of(by.span, by.nulls) if isinstance(by, Texts) else None
    if found is None or len(found[1]) > MOST_GROUPS or not isinstance(by, Texts):
        return None
    codes, firsts = found
    names = [by.span.text(row) for row in firsts.tolist()]
    groups = Groups({name: [] for name in names})
    for column, is_summed in columns.items():
        numbers = block.columns[column]
        if not isinstance(numbers, Numbers):
            return None
        own = codes if numbers.missing is None else np.where(numbers.missing, np.int32(-1), codes)
        extremes = extremes_of(numbers.values, own, len(names))
        sums = _sums(numbers.values, own, len(names)) if is_summed else {}
        if extremes is None or sums is None:
            return None
        counts, least, most = (array.tolist() for array in extremes)
        levels = {level: units.tolist() for level, units in sums.items()}
        for place, name in enumerate(names):
            some = bool(counts[place])
            own_sums = {level: units[place] for level, units in levels.items() if units[place]}
            groups[name].append(
                Figures(counts[place], own_sums, least[place] if some else None, most[place] if some else None)
            )
    return groups


def _sums(values: Any, codes: Any, groups: int) -> Mapping[int, Any] | None:
    if values.dtype == np.int64:
        if len(values) and max(int(values.max()), -int(values.min())) >= 1 << 53:
            return None
        values = values.astype(np.float64)
    from csvswarm.native.grouping import sums_of

    return sums_of(values, codes, groups)


def save(path: Path, groups: Groups) -> int:
    """Write groups to a file; return their number."""
    data = [
        [name, [[f.count, [*f.sums.items()], f.least, f.most] for f in figures]] for name, figures in groups.items()
    ]
    with naming(path):
        path.write_text(json.dumps(data), encoding="utf-8")
    return len(groups)


def load(path: Path) -> Groups:
    """Read what `save` wrote."""
    with naming(path):
        data = json.loads(path.read_text(encoding="utf-8"))
    return Groups(
        {name: [Figures(n, dict(map(tuple, sums)), *ends) for n, sums, *ends in figures] for name, figures in data}
    )

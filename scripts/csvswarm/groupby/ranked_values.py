"""Finds percentiles and numbers of distinct values of groups in their state, which lists the values in order.

A group may have more values than fit in memory, so it may continue from one piece of the state to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from csvswarm.groupby.group_table import integers_in, state_name
from csvswarm.groupby.state_kinds import COUNT
from csvswarm.runtime.lazy_imports import np, pa

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]


class RankedValues:
    """The percentiles of one measure in consecutive groups. The last group may get more values.

    distinct: the number of distinct values of every group.
    """

    def __init__(self, percents: Sequence[Fraction]) -> None:
        self._seen = self.distinct = np.zeros(1, np.int64)
        self._ends: dict[Fraction, tuple[Array, ...]] = dict.fromkeys(percents, (self._seen,) * 3)

    def of(self, percent: Fraction) -> tuple[Array, ...]:
        """Return (keys of the values at the ranks around a percentile, numerators of the distance from the first)."""
        return self._ends[percent]

    @staticmethod
    def share_of(percent: Fraction, numerator: int) -> Fraction:
        """Return the distance from the value below a percentile, as part of that between the values around it."""
        return Fraction(int(numerator), (percent / 100).denominator)

    def add(self, counts: Array, codes: Array, keys: Array, n: Array) -> None:
        """Add values. The last group is the first one now.

        counts: number of values of each group. codes, keys, n: group, key and number of each distinct value, in order.
        """
        groups = np.arange(len(counts))
        seen, distinct = np.zeros(len(counts), np.int64), np.bincount(codes, minlength=len(counts))
        seen[0], distinct[0] = self._seen[-1], distinct[0] + self.distinct[-1]
        until = np.r_[0, np.cumsum(n)]
        start, stop = np.searchsorted(codes, groups), np.searchsorted(codes, groups, side="right")
        for percent in list(self._ends):
            numerators = np.maximum(counts - 1, 0) * (percent / 100).numerator
            rank, shares = np.divmod(numerators, (percent / 100).denominator)
            ends = []
            for end, position in enumerate((rank, np.minimum(rank + 1, np.maximum(counts - 1, 0)))):
                row = np.searchsorted(until, until[start] + position - seen, side="right") - 1
                is_here = (position >= seen) & (row < stop)
                found = np.zeros(len(counts), np.int64)
                found[is_here] = keys[row[is_here]]
                if position[0] < seen[0]:
                    found[0] = self._ends[percent][end][-1]
                ends.append(found)
            self._ends[percent] = (*ends, shares)
        self._seen, self.distinct = seen + until[stop] - until[start], distinct

    def of_groups(self, groups: slice) -> RankedValues:
        """Return the values of some of the groups."""
        some = RankedValues([])
        some.distinct = self.distinct[groups]
        some._ends = {percent: tuple(part[groups] for part in parts) for percent, parts in self._ends.items()}
        return some


def complete_groups(
    pieces: Iterator[pa.Table], ranked: Mapping[int, RankedValues]
) -> Iterator[tuple[pa.Table, Mapping[int, RankedValues]]]:
    """Yield (the groups' own rows of state, by measure their ranked values).

    pieces: the state in order of its keys. ranked: by measure that needs every value; empty for none.
    """
    if not ranked:
        yield from ((piece, ranked) for piece in pieces)
        return
    last: pa.Table | None = None
    for piece in pieces:
        rows = piece if last is None else pa.concat_tables([last, piece], promote_options="default").combine_chunks()
        measures = rows.column("measure").combine_chunks()
        is_own = measures.is_null()
        own = rows.filter(is_own)
        if not own.num_rows:
            last = own
            continue
        codes = np.cumsum(is_own.to_numpy(zero_copy_only=False)) - 1
        keys, n = integers_in(rows, "key"), integers_in(rows, "n")
        of_measure = measures.fill_null(-1).to_numpy()
        for measure, values in ranked.items():
            some = np.flatnonzero(of_measure == measure)
            values.add(integers_in(own, state_name(measure, COUNT)), codes[some], keys[some], n[some])
        complete = own.num_rows - 1
        yield own.slice(0, complete), {measure: values.of_groups(slice(complete)) for measure, values in ranked.items()}
        last = own.slice(complete)
    if last is not None:
        groups = slice(-1, None) if last.num_rows else slice(0)
        yield last, {measure: values.of_groups(groups) for measure, values in ranked.items()}

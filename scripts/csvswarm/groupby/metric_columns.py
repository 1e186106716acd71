"""Computes the metrics of all groups of a table of state at once, in order of its keys.

They have the same texts as those that `group_metrics` computes group by group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from csvswarm.arithmetic.percentiles import interpolate, middle
from csvswarm.arithmetic.rounded_sums import rounded_sums
from csvswarm.arithmetic.sort_keys import value_of, values_of
from csvswarm.csv_format.canonical_text import to_canonical_text
from csvswarm.groupby.group_metrics import MEDIAN, PICKS, Figures, GroupMetrics
from csvswarm.groupby.group_table import integers_in, levels_in, state_name
from csvswarm.groupby.group_totals import ColumnTotals
from csvswarm.groupby.metric_options import percent_of
from csvswarm.groupby.ranked_values import RankedValues, complete_groups
from csvswarm.groupby.state_kinds import COUNT, PRODUCTS, SQUARES, SUM, WEIGHTS
from csvswarm.runtime.lazy_imports import np, pa
from csvswarm.types.schema import ARROW

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

#: Integers below this are exact as floats.
_EXACT = 2.0**53


def metric_columns(pieces: Iterator[pa.Table], figures: Sequence[Figures]) -> Iterator[tuple[pa.Table, list[pa.Array]]]:
    """Yield (the rows of state of groups, their metrics as text, missing where undefined).

    pieces: the state in order of its keys. figures: by number of the measure.
    """
    ranked = {index: RankedValues(one.percents) for index, one in enumerate(figures) if one.needs_values}
    for own, found in complete_groups(pieces, ranked):
        columns = []
        for index, one in enumerate(figures):
            measure = _Measure(own, index, one, found.get(index))
            columns += [measure.texts(name) for name in one.metrics]
        yield own, columns


class _Measure:
    """The metrics of one measure. own: a row per group. ranked: (distinct values, by percentile the ranked keys)."""

    def __init__(self, own: pa.Table, measure: int, figures: Figures, ranked: Any) -> None:
        self._own, self._measure, self._figures, self._ranked = own, measure, figures, ranked
        self._counts = integers_in(own, state_name(measure, COUNT))

    @cached_property
    def _levels(self) -> dict[int, Array]:
        """The levels of the sums."""
        return levels_in(self._own, self._measure, SUM)

    def texts(self, name: str) -> pa.Array:
        """Return a metric as text."""
        if name in ("count", "nunique"):
            return pa.array(self._counts if name == "count" else self._ranked.distinct).cast(pa.string())
        if name in PICKS:
            return self._picked(state_name(self._measure, PICKS[name]))
        if name == "sum":
            return self._sums()
        if name == "mean":
            return self._numbers(rounded_sums(self._levels, np.maximum(self._counts, 1)))
        if name == "median" or percent_of(name) is not None:
            return self._numbers(self._between(percent_of(name)))
        return self._one_by_one(name, range(len(self._counts)))

    def _numbers(self, values: Array) -> pa.Array:
        """Return floats as text, missing for groups without a value."""
        return to_canonical_text(pa.array(values, mask=(self._counts == 0) | np.isnan(values)), "float")

    def _picked(self, name: str) -> pa.Array:
        kind = self._figures.kind
        if name not in self._own.column_names:
            return pa.nulls(len(self._counts), pa.string())
        keys = self._own.column(name).combine_chunks()
        if pa.types.is_string(keys.type):
            return keys
        values = pa.array(values_of(keys.fill_null(0).to_numpy(), self._figures.is_whole), mask=_mask_of(keys))
        return to_canonical_text(values.cast(ARROW[kind]) if kind in ("bool", "timestamp") else values, kind)

    def _sums(self) -> pa.Array:
        sums = rounded_sums(self._levels, np.ones(len(self._counts), np.int64))
        if not self._figures.is_whole:
            return to_canonical_text(pa.array(sums, mask=np.isnan(sums)), "float")
        if (large := ~(np.abs(sums) < _EXACT)).any():
            texts = pa.array(np.where(large, 0, sums).astype(np.int64)).cast(pa.string()).to_pylist()
            rows = np.flatnonzero(large).tolist()
            for row, text in zip(rows, self._one_by_one("sum", rows).to_pylist(), strict=True):
                texts[row] = text
            return pa.array(texts, pa.string())
        return pa.array(sums.astype(np.int64)).cast(pa.string())

    def _between(self, percent: Fraction | None) -> Array:
        """Return a percentile, None for the median."""
        lower, upper, shares = self._ranked.of(MEDIAN if percent is None else percent)
        if percent is None:
            upper = np.where(shares == 0, lower, upper)
        low, high = (values_of(keys, self._figures.is_whole) for keys in (lower, upper))
        size = np.maximum(np.abs(low.astype(np.float64)), np.abs(high.astype(np.float64)))
        found: Array = low.astype(np.float64)
        plain = (size < _EXACT) & ((shares == 0) | (low == high))
        if percent is None:
            both = found + high
            halves = (size < _EXACT) & ((both == 0) | (np.abs(both) > 2.0**-900))
            found, plain = np.where(halves & ~plain, both / 2, found), plain | halves
        for row in np.flatnonzero(~plain & (self._counts > 0)).tolist():
            first, second = (value_of(int(keys[row]), self._figures.is_whole) for keys in (lower, upper))
            share = self._ranked.share_of(percent or MEDIAN, shares[row])
            found[row] = middle(first, second) if percent is None else interpolate(first, second, share)
        return found

    def _one_by_one(self, name: str, rows: Sequence[int]) -> pa.Array:
        """Return a metric that is computed exactly, group by group."""
        added = {(COUNT, 0): self._counts.tolist()}
        for kind in (SUM, SQUARES, PRODUCTS, WEIGHTS):
            levels = levels_in(self._own, self._measure, kind)
            added |= {(kind, level): units.tolist() for level, units in levels.items()}
        totals, texts = ColumnTotals(added), []
        for row in rows:
            metrics = GroupMetrics(self._figures)
            metrics.add_totals(totals, row, None)
            texts.append(metrics.text(name))
        return pa.array(texts, pa.string())


def _mask_of(values: pa.Array) -> Array | None:
    """Return a mask of the missing values, None if there are none."""
    missing: Array = values.is_null().to_numpy(zero_copy_only=False)
    return missing if values.null_count else None

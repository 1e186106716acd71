"""Computes the metrics of one group after the other from the totals of groups."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from csvswarm.arithmetic import exact_sum
from csvswarm.arithmetic.percentiles import interpolate, middle, ranks_of
from csvswarm.arithmetic.sort_keys import value_of
from csvswarm.csv_format.canonical_text import to_canonical_text
from csvswarm.groupby.group_totals import ColumnTotals
from csvswarm.groupby.metric_options import WEIGHTED_MEAN, percent_of
from csvswarm.groupby.state_kinds import (
    COUNT,
    FIRST,
    LARGEST,
    LAST,
    PRODUCTS,
    SMALLEST,
    SQUARES,
    SUM,
    WEIGHTS,
)
from csvswarm.runtime.lazy_imports import pa
from csvswarm.types.schema import ARROW

PICKS = {"min": SMALLEST, "max": LARGEST, "first": FIRST, "last": LAST}
MEDIAN = Fraction(50)


class Figures(NamedTuple):
    """The metrics of one measure. kind: the type of its column. needs_values: whether they need every value."""

    kind: str
    metrics: Sequence[str]
    ddof: int
    needs_values: bool

    @property
    def percents(self) -> list[Fraction]:
        """The percentiles among the metrics, the median included."""
        given = [MEDIAN if name == "median" else percent_of(name) for name in self.metrics]
        return [percent for percent in given if percent is not None]

    @property
    def is_whole(self) -> bool:
        """Whether the values are integers, or stored as integers."""
        return self.kind in ("int", "bool", "timestamp")


class GroupMetrics:
    """The metrics of one measure in one group."""

    def __init__(self, figures: Figures) -> None:
        self._kind, self._metrics, self._ddof = figures.kind, figures.metrics, figures.ddof
        self._percents, self._whole = figures.percents, figures.is_whole
        self._count = self._distinct = 0
        self._sums: dict[int, dict[int, int]] = {SUM: {}, SQUARES: {}, PRODUCTS: {}, WEIGHTS: {}}
        self._picked: dict[int, Any] = {}
        self._ranked: dict[int, int] = {}

    def _ranks(self) -> set[int]:
        return set().union(*(ranks_of(percent, self._count)[:2] for percent in self._percents))

    def add_totals(self, totals: ColumnTotals, group: int, values: tuple[list[Any], list[int]] | None) -> None:
        """Use the totals of a group as its state. values: its distinct values and their numbers, if they are needed."""
        self._count = totals.counts[group]
        for (kind, level), units in totals.added.items():
            if kind != COUNT:
                self._sums[kind][level] = units[group]
        if not self._count:
            return
        for kind, (_, keys) in totals.picked.items():
            self._picked[kind] = value_of(keys[group], self._whole)
        if values is not None:
            until = list(itertools.accumulate(values[1]))
            self._distinct = len(until)
            self._ranked = {rank: values[0][bisect.bisect_right(until, rank)] for rank in self._ranks()}

    def texts(self) -> list[str | None]:
        """Return the metrics as text, in their order; None where undefined."""
        return [self.text(name) for name in self._metrics]

    def text(self, name: str) -> str | None:
        """Return a metric as text; None where undefined."""
        if name in ("count", "nunique"):
            return str(self._count if name == "count" else self._distinct)
        if name in PICKS:
            value = self._picked.get(PICKS[name])
            return None if value is None else self._as_column(value)
        total = exact_sum.total(self._sums[SUM])
        if name == "sum":
            return (
                str(int(total)) if self._whole and isinstance(total, Fraction) else _number(exact_sum.to_double(total))
            )
        return _number(self._compute(name, total)) if self._count else None

    def _compute(self, name: str, total: Fraction | float) -> float:
        """Return a mean, percentile, var or std; NaN where undefined. There is at least one value."""
        if name == "mean":
            return exact_sum.to_double(total / self._count)
        if name == WEIGHTED_MEAN:
            products, weights = (exact_sum.total(self._sums[kind]) for kind in (PRODUCTS, WEIGHTS))
            return exact_sum.to_double(products / weights) if weights else math.nan
        if (percent := percent_of(name)) is not None:
            rank, above, share = ranks_of(percent, self._count)
            low, high = (value_of(self._ranked[one], self._whole) for one in (rank, above))
            return interpolate(low, high, share)
        if name == "median":
            low, high = (value_of(self._ranked[r], self._whole) for r in ((self._count - 1) // 2, self._count // 2))
            return middle(low, high)
        squares = exact_sum.total(self._sums[SQUARES])
        if self._count <= self._ddof or not isinstance(total, Fraction) or not isinstance(squares, Fraction):
            return math.nan
        variance = exact_sum.to_double((squares - total * total / self._count) / (self._count - self._ddof))
        return variance if name == "var" else math.sqrt(variance)

    def text_of_key(self, key: Any) -> str | None:
        """Return a value of the column, given as text or as a key of `sort_keys`, as its canonical text."""
        return self._as_column(key if isinstance(key, str) else value_of(key, self._whole))

    def _as_column(self, value: Any) -> str | None:
        """Return a value of the column itself as its canonical text."""
        if self._kind in ("text", "quoted"):
            return str(value)
        if self._kind == "bool":
            return str(bool(value))
        if self._kind == "timestamp":
            text: str = to_canonical_text(pa.array([value], pa.int64()).cast(ARROW["timestamp"]), "timestamp")[
                0
            ].as_py()
            return text
        return str(value) if self._whole else _number(value)


def _number(value: float) -> str | None:
    return None if math.isnan(value) else repr(float(value))

"""Computes the metrics of groups from their state, in order of its keys."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from csvswarm.arithmetic import exact_sum
from csvswarm.arithmetic.percentiles import interpolate, ranks_of
from csvswarm.arithmetic.sort_keys import value_of
from csvswarm.csv_format.canonical_text import to_canonical_text
from csvswarm.groupby.group_table import group_names, row_changes
from csvswarm.groupby.group_totals import ColumnTotals
from csvswarm.groupby.metric_options import WEIGHTED_MEAN, percent_of
from csvswarm.groupby.state_kinds import (
    COUNT,
    FIRST,
    LARGEST,
    LAST,
    PRODUCTS,
    ROWS,
    SMALLEST,
    SQUARES,
    SUM,
    VALUES,
    WEIGHTS,
)
from csvswarm.runtime.lazy_imports import np, pa
from csvswarm.types.schema import ARROW

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

PICKS = {"min": SMALLEST, "max": LARGEST, "first": FIRST, "last": LAST}


class StateRows:
    """The columns of a piece of state. groups: number of grouping columns."""

    def __init__(self, piece: pa.Table, groups: int) -> None:
        self._names = group_names(groups)
        self._groups = [piece.column(name).to_pylist() for name in self._names]
        self._piece = piece
        self.slot, self.key, self.n, self.order, self.value = (
            piece.column(name).to_numpy() for name in ("slot", "key", "n", "order", "value")
        )
        self.order_text, self.value_text = piece.column("order_text"), piece.column("value_text")

    def group(self, row: int) -> tuple[Any, ...]:
        """Return the values of a row's group."""
        return tuple(values[row] for values in self._groups)

    def segments(self) -> list[tuple[int, int]]:
        """Return (start, stop) of every run of rows of one group and slot."""
        edges = [*np.flatnonzero(row_changes(self._piece, [*self._names, "slot"])).tolist(), len(self.slot)]
        return list(itertools.pairwise(edges))


class GroupMetrics:
    """The metrics of one measure in one group, from its state in order."""

    def __init__(self, kind: str, metrics: Sequence[str], ddof: int) -> None:
        self._kind, self._metrics, self._ddof = kind, metrics, ddof
        self._percents = [percent for name in metrics if (percent := percent_of(name)) is not None]
        self._whole = kind in ("int", "bool", "timestamp")
        self._count = self._distinct = self._seen = 0
        self._sums: dict[int, dict[int, int]] = {SUM: {}, SQUARES: {}, PRODUCTS: {}, WEIGHTS: {}}
        self._picked: dict[int, Any] = {}
        self._ranked: dict[int, int] = {}

    def add(self, state_kind: int, rows: StateRows, start: int, stop: int) -> None:
        if state_kind in (COUNT, ROWS):
            self._count += int(rows.n[start])
        elif state_kind in self._sums:
            for level, n in zip(rows.key[start:stop].tolist(), rows.n[start:stop].tolist(), strict=True):
                self._sums[state_kind][level] = self._sums[state_kind].get(level, 0) + n
        elif state_kind == VALUES:
            self._add_values(rows.key[start:stop], rows.n[start:stop])
        elif self._kind in ("text", "quoted"):
            texts = rows.order_text if state_kind in (SMALLEST, LARGEST) else rows.value_text
            self._picked[state_kind] = texts[start].as_py()
        else:
            keys = rows.order if state_kind in (SMALLEST, LARGEST) else rows.value
            self._picked[state_kind] = value_of(int(keys[start]), self._whole)

    def _add_values(self, keys: Array, n: Array) -> None:
        self._distinct += len(keys)
        until = self._seen + np.cumsum(n)
        for rank in self._ranks():
            if self._seen <= rank < until[-1]:
                self._ranked[rank] = int(keys[np.searchsorted(until, rank, side="right")])
        self._seen = int(until[-1])

    def _ranks(self) -> set[int]:
        middle = {(self._count - 1) // 2, self._count // 2}
        return middle.union(*(ranks_of(percent, self._count)[:2] for percent in self._percents))

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
        return [self._metric_text(name) for name in self._metrics]

    def _metric_text(self, name: str) -> str | None:
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
            exactly = math.isfinite(low) and math.isfinite(high)
            return exact_sum.to_double((Fraction(low) + Fraction(high)) / 2) if exactly else (low + high) / 2
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

"""statistics: statistics of every numeric column, equal to those of one pass over the whole file.

The state is a table of additive rows (slot, key, n), so blocks and chunks combine in any order: per column, the numbers
of values and of missing values, the exact sums of the values and of the rolling variances, and every distinct value
with its count. The statistics are computed from the merged table in order of value, in little memory.

Over 300 lines: a processor is one file.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from csvswarm.arithmetic import exact_sum
from csvswarm.arithmetic.percentiles import interpolate, ranks_of
from csvswarm.arithmetic.rolling_variance import rolling_variances
from csvswarm.arithmetic.sort_keys import keys_of, value_of, values_of
from csvswarm.errors import OptionError
from csvswarm.processor_api.context import Context
from csvswarm.reading.rows import Rows
from csvswarm.runtime.lazy_imports import pa

OPTIONS = {
    "columns": {"type": "list", "elements": "str", "description": "numeric columns to analyze; default: all"},
    "window": {"type": "int", "default": 500, "min": 1, "description": "consecutive rows of a rolling variance"},
    "ddof": {"type": "int", "default": 1, "min": 0, "description": "what variances subtract from the count"},
}
BLOCK = "rows"
ARROW = True

#: A column of only quoted "" or "NA" counts as numeric without values, because numbers may follow in later blocks.
NUMERIC = ("null", "quoted", "int", "float")
PERCENTILES = (10, 25, 50, 75, 90)
METRICS = [
    "column", "count", "missing", "mean", "min", "max", "mode", "variance", "std", "p10", "p25", "p50", "p75", "p90",
    "kurtosis", "skewness", "rolling_variance_sum", "population_variance", "population_std",
    "population_rolling_variance_sum",
]  # fmt: skip
#: Kinds of rows; a column's slots are its index times SLOTS plus one of these, read in this order.
COUNTS, SUM, ROLLING, VALUES = range(4)
SLOTS = 4
PRESENT, MISSING = 0, 1

Array = np.ndarray[Any, Any]


def columns(context: Context) -> list[str]:
    """Return the numeric columns to analyze. Raises OptionError if the user names one that is not numeric."""
    if context.options["columns"] is None:
        return [name for name in context.names if context.type_of(name) in NUMERIC]
    if not context.options["columns"]:
        raise OptionError("option 'columns' of statistics is an empty list: name a column, or leave it out for all.")
    context.require_columns(context.options["columns"], "option 'columns' of statistics")
    for name in context.options["columns"]:
        if context.options["columns"].count(name) > 1:
            raise OptionError(f"option 'columns' of statistics names {name!r} twice.")
        if context.type_of(name) not in NUMERIC:
            raise OptionError(
                f"option 'columns' of statistics names {name!r}, which is not numeric but {context.type_of(name)}: "
                "leave it out, or pass its missing values as -e null_values or its type as -e column_types."
            )
    return list(context.options["columns"])


def numeric_columns(context: Context) -> list[str]:
    """Return the columns that would have statistics if they were numeric."""
    return list(context.names) if context.options["columns"] is None else columns(context)


def result_kinds(context: Context) -> dict[str, str]:
    """Return the types of the result's columns, whose values are text: integers and floats share columns."""
    own = "int" if all(context.type_of(name) == "int" for name in columns(context)) else "float"
    return dict.fromkeys(METRICS[1:], "float") | dict.fromkeys(METRICS[4:7], own) | dict.fromkeys(METRICS[1:3], "int")


def why_empty(context: Context, _: int) -> str:
    """Return why the result has no rows: only a numeric column gives one."""
    return f"The result has no rows: none of the {len(context.names):,} columns is numeric."


def overlap(context: Context) -> int:
    """Return the number of rows before a block that its first windows include."""
    return int(context.options["window"]) - 1


def keys(_: Context) -> list[str]:
    """Return the columns that identify a row of state."""
    return ["slot", "key"]


def process(rows: Rows, context: Context) -> pa.Table:
    """Return the state of one block."""
    parts: list[tuple[int, Array, Array]] = []
    for index, name in enumerate(rows.table.column_names):
        column = rows.table.column(name)
        if context.type_of(name) == "quoted":
            column = pa.chunked_array([pa.nulls(len(column), pa.float64())])
        slot = index * SLOTS
        own = column.slice(context.overlap).drop_null().to_numpy()
        own = own[~np.isnan(own)] if own.dtype == np.float64 else own
        total = len(column) - context.overlap
        parts.append((slot + COUNTS, np.array([PRESENT, MISSING]), np.array([len(own), total - len(own)])))
        parts.append((slot + SUM, *_levels(exact_sum.group_sums(own))))
        floats = column.to_numpy().astype(np.float64, copy=False)
        variances = rolling_variances(floats, context.options["window"])
        parts.append((slot + ROLLING, *_levels(exact_sum.group_sums(variances[~np.isnan(variances)]))))
        parts.append((slot + VALUES, *np.unique(keys_of(own), return_counts=True)))
    slots = [np.full(len(keys), slot, np.int32) for slot, keys, _ in parts]
    return _table(_concat(slots, np.int32), _concat([k for _, k, _ in parts]), _concat([n for _, _, n in parts]))


def combine(partials: list[pa.Table], _: Context) -> pa.Table:
    """Return one state, sorted by slot and key; counts of equal keys are added."""
    slot, key, n = (_concat([p.column(c).to_numpy() for p in partials]) for c in ("slot", "key", "n"))
    if not len(slot):
        return _table(slot.astype(np.int32), key, n)
    order = np.lexsort((key, slot))
    slot, key, n = slot[order], key[order], n[order]
    first = np.flatnonzero(np.r_[True, (slot[1:] != slot[:-1]) | (key[1:] != key[:-1])])
    return _table(slot[first].astype(np.int32), key[first], np.add.reduceat(n, first))


def finish(pieces: Iterator[pa.Table], context: Context) -> pa.Table:
    """Return the statistics, a row per column."""
    names = columns(context)
    wanted = set(names)
    order = [name for name in context.names if name in wanted]
    ddof, window = context.options["ddof"], context.options["window"]
    states = {name: ColumnStatistics(context.type_of(name) == "int", ddof, window) for name in order}
    for piece in pieces:
        slot, key, n = (piece.column(name).to_numpy() for name in ("slot", "key", "n"))
        edges: list[int] = np.flatnonzero(np.r_[True, slot[1:] != slot[:-1], True]).tolist() if len(slot) else []
        for start, stop in itertools.pairwise(edges):
            index, kind = divmod(int(slot[start]), SLOTS)
            states[order[index]].add(kind, key[start:stop], n[start:stop])
    rows = [[name, *states[name].texts()] for name in names]
    return pa.table([pa.array([row[i] for row in rows], pa.string()) for i in range(len(METRICS))], names=METRICS)


class ColumnStatistics:
    """The statistics of one column, from its state in order of slot and key."""

    def __init__(self, is_integer: bool, ddof: int, window: int) -> None:
        self._is_integer, self._ddof, self._window = is_integer, ddof, window
        self._count = self._missing = 0
        self._sums: dict[int, int] = {}
        self._rolling: dict[int, int] = {}
        self._mean: Fraction | float | None = None
        self._seen = 0
        self._first: int | None = None
        self._last: int | None = None
        self._mode: tuple[int, int] = (0, 0)  # (count, key)
        self._ranked: dict[int, int] = {}  # rank -> key
        self._moments: list[exact_sum.Levels] = [{}, {}, {}]

    def add(self, kind: int, keys: Array, n: Array) -> None:
        """Add rows of one slot, in order."""
        if kind == COUNTS:
            for key, count in zip(keys.tolist(), n.tolist(), strict=True):
                if key == PRESENT:
                    self._count = count
                else:
                    self._missing = count
        elif kind in (SUM, ROLLING):
            (self._sums if kind == SUM else self._rolling).update(zip(keys.tolist(), n.tolist(), strict=True))
        else:
            self._add_values(keys, n)

    def _add_values(self, keys: Array, n: Array) -> None:
        if self._first is None:
            self._first = int(keys[0])
            total = exact_sum.total(self._sums)
            self._mean = total / self._count if isinstance(total, Fraction) else total
        self._last = int(keys[-1])
        top = int(n.argmax())
        if n[top] > self._mode[0]:
            self._mode = int(n[top]), int(keys[top])
        until = self._seen + np.cumsum(n)
        for rank in self._ranks():
            if self._seen <= rank < until[-1]:
                self._ranked[rank] = int(keys[np.searchsorted(until, rank, side="right")])
        self._seen = int(until[-1])
        if isinstance(self._mean, Fraction):
            distance = self._distance(keys, self._mean)
            power = distance
            for levels in self._moments:
                with np.errstate(over="ignore", invalid="ignore"):
                    power = power * distance
                    terms = power * n
                exact_sum.merge(levels, exact_sum.group_sums(terms[~np.isnan(terms)]))

    def _origin(self, mean: Fraction) -> Fraction:
        """Return the origin of distances: the mean rounded to a float."""
        if not self._is_integer:
            return Fraction(exact_sum.to_double(mean))
        whole = math.floor(mean)
        return whole + Fraction(float(mean - whole))

    def _distance(self, keys: Array, mean: Fraction) -> Array:
        """Return value - mean, rounded once or twice; per value, so independent of blocks."""
        if not self._is_integer:
            with np.errstate(over="ignore"):
                return values_of(keys, False) - exact_sum.to_double(mean)
        whole = math.floor(mean)
        high = (keys >> 32) - (whole >> 32)
        low = (keys & 0xFFFFFFFF) - (whole & 0xFFFFFFFF)
        return (high * 2.0**32 + low) - float(mean - whole)

    def _ranks(self) -> set[int]:
        return {rank for percent in PERCENTILES for rank in ranks_of(percent, self._count)[:2]}

    def _percentile(self, percent: int) -> float:
        rank, above, share = ranks_of(percent, self._count)
        low, high = (value_of(self._ranked[one], self._is_integer) for one in (rank, above))
        return interpolate(low, high, share)

    def texts(self) -> list[str | None]:
        """Return the statistics as text, None where undefined."""
        total = exact_sum.total(self._rolling)
        rolling, population_rolling = self._scaled(total, self._window), _text(exact_sum.to_double(total))
        if not self._count or self._first is None or self._last is None or self._mean is None:
            return [str(self._count), str(self._missing), *[None] * 13, rolling, None, None, population_rolling]
        values = [value_of(key, self._is_integer) for key in (self._first, self._last, self._mode[1])]
        mean = exact_sum.to_double(self._mean)
        second, skewness, kurtosis = self._shape(mean)
        variance = self._scaled(second, self._count)
        population = _text(exact_sum.to_double(second))
        return [
            str(self._count),
            str(self._missing),
            _text(mean),
            *map(_text, values),
            variance,
            _root(variance),
            *(_text(self._percentile(percent)) for percent in PERCENTILES),
            _text(kurtosis),
            _text(skewness),
            rolling,
            population,
            _root(population),
            population_rolling,
        ]

    def _scaled(self, variance: Fraction | float, count: int) -> str | None:
        """Return population variances of `count` values as those with `ddof`, rounded once, as text."""
        if count <= self._ddof:
            return None
        if isinstance(variance, Fraction):
            variance = exact_sum.to_double(variance * Fraction(count, count - self._ddof))
        return _text(variance)

    def _shape(self, mean: float) -> tuple[Fraction | float, float, float]:
        """Return (population variance, biased skewness, biased Fisher kurtosis), NaN where undefined."""
        if not isinstance(self._mean, Fraction):
            return math.nan, math.nan, math.nan
        totals = [exact_sum.total(exact_sum.group_levels(levels)) for levels in self._moments]
        moments = [total / self._count for total in totals]
        variance, third, fourth = moments
        if isinstance(variance, Fraction) and isinstance(third, Fraction) and isinstance(fourth, Fraction):
            # the distances are relative to a rounded mean with this error: shift them to the exact mean
            off = self._mean - self._origin(self._mean)
            fourth += -4 * off * third + 6 * off**2 * variance - 3 * off**4
            third += -3 * off * variance + 2 * off**3
            variance -= off**2
        second, third, fourth = (exact_sum.to_double(moment) for moment in (variance, third, fourth))
        # scipy's rule: undefined if the spread is within the rounding error of the mean
        lost = math.ulp(1.0) * mean
        if not math.isfinite(second) or second <= lost * lost:
            return variance, math.nan, math.nan
        return variance, _finite(third / second / math.sqrt(second)), _finite(fourth / second / second - 3.0)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan


def _text(value: float | int) -> str | None:
    return None if math.isnan(value) else repr(value)


def _root(variance: str | None) -> str | None:
    """Return the square root of a variance, None where it is undefined."""
    return None if variance is None or float(variance) < 0 else _text(math.sqrt(float(variance)))


def _levels(levels: exact_sum.Levels) -> tuple[Array, Array]:
    order = sorted(levels)
    return np.array(order, np.int64), np.array([int(levels[level][0]) for level in order], np.int64)


def _concat(arrays: list[Array], dtype: Any = np.int64) -> Array:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype)


def _table(slot: Array, key: Array, n: Array) -> pa.Table:
    return pa.table(
        {"slot": pa.array(slot, pa.int32()), "key": pa.array(key, pa.int64()), "n": pa.array(n, pa.int64())}
    )

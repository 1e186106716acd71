"""The metrics that a user requests of groups, and the state that they need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from csvswarm.errors import OptionError
from csvswarm.groupby.state_kinds import (
    COUNT,
    FIRST,
    LARGEST,
    LAST,
    PRODUCTS,
    SMALLEST,
    SQUARES,
    SUM,
    VALUES,
    WEIGHTS,
)

NEEDS = {
    "count": {COUNT},
    "sum": {COUNT, SUM},
    "mean": {COUNT, SUM},
    "min": {SMALLEST},
    "max": {LARGEST},
    "std": {COUNT, SUM, SQUARES},
    "var": {COUNT, SUM, SQUARES},
    "median": {COUNT, VALUES},
    "nunique": {VALUES},
    "first": {FIRST},
    "last": {LAST},
}
WEIGHTED_MEAN = "weighted_mean"
#: Key of `metrics` for the number of rows, and its only metric.
ALL_ROWS, ROW_COUNT = "*", "count"
_CHOICES = f"use one of {', '.join(NEEDS)}, a percentile like p90, or {{{WEIGHTED_MEAN}: COLUMN}}."
_PERCENTILE = re.compile(r"p(100|[0-9]{1,2}(\.[0-9]{1,6})?)")
_FOR_NUMBERS = {"sum", "mean", "std", "var", "median"}


class Measure(NamedTuple):
    """Metrics of one column. column: `ALL_ROWS` for the number of rows. weight: the column of weights, or None."""

    column: str
    metrics: tuple[str, ...]
    weight: str | None = None

    @property
    def needs(self) -> set[int]:
        """The kinds of state that the metrics need."""
        if self.column == ALL_ROWS:
            return {COUNT}
        if self.weight is not None:
            return {COUNT, PRODUCTS, WEIGHTS}
        return set().union(*(NEEDS.get(name, {COUNT, VALUES}) for name in self.metrics))

    @property
    def for_numbers(self) -> bool:
        """Whether a metric is defined for numbers only."""
        return self.weight is not None or any(_is_for_numbers(name) for name in self.metrics)

    @property
    def names(self) -> list[str]:
        """The names of the metrics in the result."""
        if self.column == ALL_ROWS:
            return [ROW_COUNT]
        suffix = "" if self.weight is None else f"_{self.weight}"
        return [f"{self.column}_{name}{suffix}" for name in self.metrics]


def percent_of(metric: str) -> Fraction | None:
    """Return the percentage of a percentile, like 99.9 of p99.9; None for other metrics."""
    return Fraction(metric[1:]) if _PERCENTILE.fullmatch(metric) else None


def measures_of(given: Mapping[str, Any], where: str) -> list[Measure]:
    """Return the measures of an option like {"price": ["mean", "p90", {"weighted_mean": "n"}], "*": "count"}.

    where: names the option, for messages. Raises OptionError for an unknown metric.
    """
    return [measure for column, metrics in given.items() for measure in _measures_of_column(column, metrics, where)]


def _measures_of_column(column: str, given: Any, where: str) -> Iterator[Measure]:
    metrics = list(given) if isinstance(given, (list, tuple)) else [given]
    if column == ALL_ROWS:
        if metrics != [ROW_COUNT]:
            raise OptionError(f"{where} requests {given!r} of {ALL_ROWS!r}, all rows: only {ROW_COUNT!r} is possible.")
        yield Measure(column, (ROW_COUNT,))
        return
    if metrics in ([], [None]):
        raise OptionError(f"{where} requests no metric of {column!r}: {_CHOICES}")
    weights = []
    plain = []
    for metric in metrics:
        if metrics.count(metric) > 1:
            raise OptionError(f"{where} requests {metric!r} of {column!r} twice.")
        if isinstance(metric, dict) and list(metric) == [WEIGHTED_MEAN] and isinstance(metric[WEIGHTED_MEAN], str):
            weights.append(metric[WEIGHTED_MEAN])
        elif isinstance(metric, str) and (metric in NEEDS or _PERCENTILE.fullmatch(metric)):
            plain.append(metric)
        else:
            raise OptionError(f"{where} requests {metric!r} of {column!r}: {_CHOICES}")
    if plain:
        yield Measure(column, tuple(plain))
    for weight in weights:
        yield Measure(column, (WEIGHTED_MEAN,), weight)


def require_numbers(measures: list[Measure], types: Mapping[str, str], where: str) -> None:
    """Raise OptionError if a metric of numbers is requested of a column of another type."""
    for measure in measures:
        numeric = [(name, measure.column) for name in measure.metrics if measure.weight or _is_for_numbers(name)]
        if measure.weight is not None:
            numeric.append((f"{WEIGHTED_MEAN} by", measure.weight))
        for metric, column in numeric:
            if types[column] in ("text", "timestamp"):
                raise OptionError(
                    f"{where} requests the {metric} of {column!r}, which is {types[column]}, not a number; "
                    "if only a few values are not, name them in -e null_values."
                )


def _is_for_numbers(metric: str) -> bool:
    return metric in _FOR_NUMBERS or _PERCENTILE.fullmatch(metric) is not None

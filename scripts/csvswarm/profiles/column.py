"""The profile of one column, from its state in order."""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from csvswarm.arithmetic import exact_sum
from csvswarm.arithmetic.percentiles import interpolate, ranks_of
from csvswarm.arithmetic.sort_keys import value_of, values_of
from csvswarm.csv_format.canonical_text import to_canonical_text
from csvswarm.profiles.state import (
    COUNTS,
    LARGEST,
    LARGEST_TEXT,
    LENGTHS,
    MISSING,
    PRESENT,
    SMALLEST_TEXT,
    SUMS,
    TEXTS,
    VALUES,
)
from csvswarm.runtime.lazy_imports import np, pa
from csvswarm.types.schema import ARROW

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

PERCENTILES = (5, 25, 50, 75, 95)
NAMES = [
    "column", "type", "count", "missing", "distinct", "distinct_is", "top", "min", "max", "mean",
    *(f"p{percent}" for percent in PERCENTILES), "min_length", "max_length", "mean_length", "histogram",
]  # fmt: skip
_HASHES = 1 << 64


class ColumnProfile:
    """The profile of one column. kind: its type. top: number of top values. limit: number of texts. bins: number."""

    def __init__(self, name: str, kind: str, *, top: int, limit: int, bins: int) -> None:
        self._name, self._kind, self._top_count, self._limit = name, kind, top, limit
        self._whole = kind != "float"
        self._counts = {PRESENT: 0, MISSING: 0}
        self._sums: dict[int, int] = {}
        self._lengths: dict[int, int] = {}
        self._smallest: Any = None
        self._largest: Any = None
        self._distinct = self._seen = 0
        self._top: list[tuple[int, Any]] = []  # (-count, sort key or text)
        self._ranked: dict[int, int] = {}
        self._histogram = np.zeros(bins, np.int64)
        self._last_hash = 0

    def add(self, kind: int, keys: Array, n: Array, texts: pa.Array) -> None:
        """Add rows of one slot, in order."""
        if kind in (COUNTS, SUMS, LENGTHS):
            into = self._counts if kind == COUNTS else self._sums if kind == SUMS else self._lengths
            into.update(zip(keys.tolist(), n.tolist(), strict=True))
        elif kind == LARGEST:
            self._largest = int(keys[-1])
        elif kind == VALUES:
            self._add_values(keys, n)
        elif kind == SMALLEST_TEXT:
            self._smallest = texts[0].as_py() if self._smallest is None else self._smallest
        elif kind == LARGEST_TEXT:
            self._largest = texts[len(texts) - 1].as_py()
        elif kind == TEXTS:
            self._add_texts(keys, n, texts)

    def _add_values(self, keys: Array, n: Array) -> None:
        self._smallest = int(keys[0]) if self._smallest is None else self._smallest
        self._distinct += len(keys)
        # The sort is stable, so the smallest values come first among equal counts.
        best = np.argsort(-n, kind="stable")[: self._top_count]
        self._keep_top(zip((-n[best]).tolist(), keys[best].tolist(), strict=True))
        until = self._seen + np.cumsum(n)
        for rank in {rank for percent in PERCENTILES for rank in ranks_of(percent, self._counts[PRESENT])[:2]}:
            if self._seen <= rank < until[-1]:
                self._ranked[rank] = int(keys[np.searchsorted(until, rank, side="right")])
        self._seen = int(until[-1])
        if (edges := self._edges()) is not None:
            floats = values_of(keys, self._whole).astype(np.float64)
            bins = np.searchsorted(edges, floats, side="right") - 1
            np.add.at(self._histogram, np.clip(bins, 0, len(self._histogram) - 1), n)

    def _add_texts(self, keys: Array, n: Array, texts: pa.Array) -> None:
        taken = min(len(keys), self._limit - self._distinct)
        self._keep_top(zip((-n[:taken]).tolist(), texts.slice(0, taken).to_pylist(), strict=True))
        if taken:
            self._last_hash = int(keys[taken - 1])
        self._distinct += taken
        self._seen += len(keys)

    def _keep_top(self, values: Iterator[tuple[int, Any]]) -> None:
        self._top = heapq.nsmallest(self._top_count, [*self._top, *values])

    def _edges(self) -> Array | None:
        """Return the edges of the histogram's bins, those of numpy.histogram; None where an end is infinite."""
        low, high = (float(value_of(key, self._whole)) for key in (self._smallest, self._largest))
        if self._kind == "bool" or not math.isfinite(high - low):
            return None
        if low == high:
            low, high = low - 0.5, high + 0.5
        return np.linspace(low, high, len(self._histogram) + 1)

    # -- the row -------------------------------------------------------------------------------------------------------

    def texts(self) -> list[str | None]:
        """Return the profile as texts in the order of `NAMES`, None where undefined."""
        is_text = self._kind in ("text", "quoted")
        is_estimate = is_text and self._seen > self._limit
        show = (lambda value: value) if is_text else self._value_text
        top = [] if is_estimate else [[show(value), -count] for count, value in self._top]
        return [
            self._name,
            self._kind,
            str(self._counts[PRESENT]),
            str(self._counts[MISSING]),
            str(self._estimate() if is_estimate else self._distinct),
            "estimate" if is_estimate else "exact",
            json.dumps(top, ensure_ascii=False) if top else None,
            *(None if end is None else show(end) for end in (self._smallest, self._largest)),
            *self._number_texts(),
            *self._length_texts(),
            self._histogram_text(),
        ]

    def _estimate(self) -> int:
        """Return the estimated number of distinct texts, from the largest of the kept hashes."""
        return round(Fraction((self._limit - 1) * _HASHES, self._last_hash + _HASHES // 2 + 1))

    def _number_texts(self) -> list[str | None]:
        count = self._counts[PRESENT]
        if self._kind not in ("int", "float", "timestamp") or not count:
            return [None] * (1 + len(PERCENTILES))
        mean = None
        if self._kind != "timestamp":
            mean = _text(exact_sum.to_double(exact_sum.total(self._sums) / count))
        return [mean, *(self._percentile(percent, count) for percent in PERCENTILES)]

    def _percentile(self, percent: int, count: int) -> str | None:
        rank, above, share = ranks_of(percent, count)
        if self._kind == "timestamp":  # nearest rank, because half a microsecond has no text
            return self._value_text(self._ranked[above if share >= Fraction(1, 2) else rank])
        low, high = (value_of(self._ranked[one], self._whole) for one in (rank, above))
        return _text(interpolate(low, high, share))

    def _length_texts(self) -> list[str | None]:
        if not self._lengths:
            return [None] * 3
        total = sum(length * n for length, n in self._lengths.items())
        mean = exact_sum.to_double(Fraction(total, self._counts[PRESENT]))
        return [str(min(self._lengths)), str(max(self._lengths)), repr(mean)]

    def _histogram_text(self) -> str | None:
        return json.dumps(self._histogram.tolist()) if self._histogram.any() else None

    def _value_text(self, key: int) -> str:
        """Return the canonical text of a value, given its sort key."""
        value = value_of(key, self._whole)
        if self._kind == "bool":
            return str(bool(value))
        if self._kind == "timestamp":
            array = pa.array([value], pa.int64()).cast(ARROW["timestamp"])
            return str(to_canonical_text(array, "timestamp")[0].as_py())
        return repr(value)


def _text(value: float) -> str | None:
    return None if math.isnan(value) else repr(value)

"""The works of the benchmark: two on the main file, and two similar ones on the hostile file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

JOBS = 2
"""Number of processes or threads of every tool."""


@dataclass(frozen=True)
class Work:
    """A work: the options of csvswarm's processor, and the columns of the answer.

    decimals: number of fractional digits by which the numbers of a column are compared. Products of decimals are
    decimals, so this is exact, and rounding errors in the last binary digit do not matter.
    """

    name: str
    title: str
    processor: str
    options: dict[str, Any]
    columns: tuple[str, ...]
    decimals: dict[str, int]
    times: tuple[str, ...] = ()

    @property
    def is_map(self) -> bool:
        return self.processor == "transform"

    @property
    def hostile(self) -> bool:
        return self.name.startswith("hostile")


MAP = Work(
    "map",
    "Map: keep quantity >= 500, add total = price * quantity and km = latitude * 111.2, write in input order",
    "transform",
    {"where": "quantity >= 500", "assign": {"total": "price * quantity", "km": "latitude * 111.2"}},
    ("id", "time", "category", "price", "quantity", "late", "latitude", "longitude", "note", "code", "total", "km"),
    {"id": 0, "price": 2, "quantity": 0, "late": 0, "latitude": 6, "longitude": 6, "total": 2, "km": 7},
    ("time",),
)
AGGREGATE = Work(
    "aggregate",
    "Aggregate: count, sum, mean, min, max of price by category",
    "aggregate",
    {"group_by": ["category"], "metrics": {"price": ["count", "sum", "mean", "min", "max"]}},
    ("category", "count", "sum", "mean", "min", "max"),
    {"count": 0, "sum": 2, "mean": 9, "min": 2, "max": 2},
)
HOSTILE_MAP = Work(
    "hostile_map",
    "Map of the hostile file: keep quantity >= 50, add twice = quantity * 2",
    "transform",
    {"where": "quantity >= 50", "assign": {"twice": "quantity * 2"}},
    ("id", "category", "quantity", "size", "note", "twice"),
    {"id": 0, "quantity": 0, "twice": 0},
)
HOSTILE_AGGREGATE = Work(
    "hostile_aggregate",
    "Aggregate of the hostile file: count and sum of quantity by category",
    "aggregate",
    {"group_by": ["category"], "metrics": {"quantity": ["count", "sum"]}},
    ("category", "count", "sum"),
    {"count": 0, "sum": 0},
)
WORKS = {work.name: work for work in (MAP, AGGREGATE, HOSTILE_MAP, HOSTILE_AGGREGATE)}

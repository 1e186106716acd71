"""The kinds of state that metrics of groups are computed from.

Counts and exact sums are added. Of smallest, largest, first and last, the value with the lowest or highest order is
kept. Values are all distinct values, each with its number.
"""

from __future__ import annotations

COUNT, SUM, SQUARES, SMALLEST, LARGEST, FIRST, LAST, VALUES, PRODUCTS, WEIGHTS = range(10)
PICKED, LOWEST_PICKED = frozenset({SMALLEST, LARGEST, FIRST, LAST}), frozenset({SMALLEST, FIRST})

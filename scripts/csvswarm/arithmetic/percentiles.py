"""Percentiles by linear interpolation between the two nearest ranks, as in numpy, rounded once."""

from __future__ import annotations

import math
from fractions import Fraction

from csvswarm.arithmetic.exact_sum import to_double


def ranks_of(percent: Fraction | int, count: int) -> tuple[int, int, Fraction]:
    """Return (rank below, rank above, fraction of the distance between them). count: number of values, at least 1."""
    position = Fraction(percent) * (count - 1) / 100
    rank = math.floor(position)
    return rank, min(rank + 1, count - 1), position - rank


def interpolate(low: int | float, high: int | float, share: Fraction) -> float:
    """Interpolate between two values; NaN between opposite infinities."""
    if math.isinf(low) or math.isinf(high):
        # like numpy, which starts from the nearer one
        return high - (high - low) * float(1 - share) if share >= 0.5 else low + (high - low) * float(share)
    return to_double(Fraction(low) + (Fraction(high) - Fraction(low)) * share)


def middle(low: int | float, high: int | float) -> float:
    """Return the mean of two values, rounded once; NaN between opposite infinities."""
    if math.isfinite(low) and math.isfinite(high):
        return to_double((Fraction(low) + Fraction(high)) / 2)
    return (low + high) / 2

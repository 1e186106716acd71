"""Rounds many exact sums at once, and divides them.

A sum is added in double-double arithmetic, whose error has a bound. Where both ends of the error round to the same
double, it is the nearest one; the few other sums are computed as Fractions. The method is Ziv's rounding test (A. Ziv:
Fast Evaluation of Elementary Mathematical Functions with Correctly Rounded Last Bit, ACM Trans. Math. Softw. 17
(1991)).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from csvswarm.arithmetic.exact_sum import LEVEL_BITS, to_double, total
from csvswarm.runtime.lazy_imports import np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

#: Levels whose units are far from overflow and underflow, also when multiplied.
_LEVELS = range(-15, 16)
#: Bound of the error of sum and quotient, relative to the sum of the sizes of the parts.
_ERROR = 2.0**-96
#: Numbers of parts up to which the bound is proven.
_MAX_LEVELS = 12


def rounded_sums(levels: Mapping[int, Integers], divisors: Integers) -> Floats:
    """Return the floats nearest to exact sums, each divided by an integer.

    Args:
        levels: level -> units of every sum, int64, shape (n,) (see `exact_sum.group_sums`).
        divisors: int64 from 1 to 2**53, shape (n,).

    Returns:
        float64, shape (n,), ties to even; inf and nan as `exact_sum.total` returns them.
    """
    if not set(levels) <= set(_LEVELS) or len(levels) > _MAX_LEVELS:
        return _one_by_one(levels, divisors, np.arange(len(divisors)), np.zeros(len(divisors)))
    high, low, size = np.zeros((3, len(divisors)))
    is_exact = np.ones(len(divisors), np.bool_)
    for level in sorted(levels, reverse=True):
        for part in _parts(levels[level], level):
            high, error = _two_sum(high, part)
            low, lost = _two_sum(low, error)
            is_exact &= lost == 0
            size += np.abs(part)
    high, low = _two_sum(high, low)
    by = divisors.astype(np.float64)
    quotient = high / by
    product, error = _two_product(quotient, by)
    remainder, lost = _two_sum((high - product) - error, low)
    rest = remainder / by
    bound = size / by * _ERROR
    # Quotients of few values are often half way between two doubles. Sum and quotient are exact then.
    product, error = _two_product(rest, by)
    bound[is_exact & (lost == 0) & (product == remainder) & (error == 0)] = 0
    rounded: Floats = quotient + (rest + bound)
    unsure = np.flatnonzero(rounded != quotient + (rest - bound))
    return _one_by_one(levels, divisors, unsure, rounded)


def _one_by_one(levels: Mapping[int, Integers], divisors: Integers, rows: Integers, into: Floats) -> Floats:
    """Replace some sums, computed exactly."""
    for row in rows.tolist():
        exact = total((level, int(units[row])) for level, units in levels.items())
        by = int(divisors[row])
        into[row] = to_double(exact / by if isinstance(exact, Fraction) else exact)
    return into


def _parts(units: Integers, level: int) -> tuple[Floats, Floats]:
    """Return two arrays of doubles that sum exactly to the units of a level."""
    scale = 2.0 ** (level * LEVEL_BITS)
    return (units >> 32).astype(np.float64) * (scale * 2.0**32), (units & 0xFFFFFFFF).astype(np.float64) * scale


def _two_sum(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return (sum, its rounding error) (D. E. Knuth: TAOCP 2, 4.2.2)."""
    both = first + second
    back = both - first
    return both, (first - (both - back)) + (second - back)


def _two_product(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return (product, its rounding error) (T. J. Dekker, Numerische Mathematik 18 (1971))."""
    product = first * second
    (high, low), (other_high, other_low) = _halves(first), _halves(second)
    return product, ((high * other_high - product) + high * other_low + low * other_high) + low * other_low


def _halves(values: Floats) -> tuple[Floats, Floats]:
    high = values * 134217729.0
    high = high - (high - values)
    return high, values - high

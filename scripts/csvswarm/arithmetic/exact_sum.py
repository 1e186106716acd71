"""Exact sums of floats and integers, independent of the order of addition.

A double is split into parts on a fixed grid of levels, each LEVEL_BITS bits wide: level k has multiples of
2**(k * LEVEL_BITS). The parts of one level are integers and add without rounding; only the final total is rounded, to
the nearest double. The method is reproducible summation by extraction
(J. Demmel, H. D. Nguyen: Parallel Reproducible Summation, IEEE Trans. Computers 64 (2015); S. M. Rump, T. Ogita,
S. Oishi: Accurate Floating-Point Summation, SIAM J. Sci. Comput. 31 (2008)).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from csvswarm.runtime.lazy_imports import np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Levels = dict[int, Integers]

LEVEL_BITS = 30
#: Maximum number of values per addition: parts are below 2**31, a double represents integers up to 2**53.
SLICE = 1 << 22
#: Above this, the constant of the extraction would overflow; such values are split with Python integers instead.
HUGE = 2.0**900
#: Levels of infinities in a sum, outside of the grid.
PLUS_INFINITY, MINUS_INFINITY = 1_000, 1_001


def group_sums(values: npt.NDArray[np.generic], groups: Integers | None = None, count: int = 1) -> Levels:
    """Return the exact sum of the values of each group.

    Sums of several calls are added with `merge`, or as integers level by level; `total` converts them to a number.

    Args:
        values: float64 without NaN, or int64, shape (n,).
        groups: int64, shape (n,): the group of each value, from 0 to `count` - 1; None for a single group.
        count: number of groups.

    Returns:
        Level -> int64 array of shape (count,), in units of 2**(level * LEVEL_BITS). Only levels that occur are present:
        none for sums of zero.
    """
    sums: Levels = {}
    for start in range(0, len(values), SLICE):
        part = values[start : start + SLICE]
        _add_slice(part, None if groups is None else groups[start : start + SLICE], count, sums)
    return sums


def group_sums_of_squares(values: npt.NDArray[np.generic], groups: Integers | None = None, count: int = 1) -> Levels:
    """Return the exact sum of the squares of the values of each group.

    Args:
        values: float64 without NaN, or int64, shape (n,).
        groups: int64, shape (n,): the group of each value, from 0 to `count` - 1; None for a single group.
        count: number of groups.

    Returns:
        Level -> int64 array of shape (count,), in units of 2**(level * LEVEL_BITS). Only levels that occur are present:
        none for sums of zero.
    """
    if values.dtype == np.int64:
        return _integer_squares(values.astype(np.int64, copy=False), groups, count)
    floats = values.astype(np.float64, copy=False)
    plain = _has_exact_square(floats)
    sums: Levels = {}
    if not plain.all():
        rest = floats[~plain]
        rest_groups = None if groups is None else groups[~plain]
        finite = np.isfinite(rest)
        for value, group in _pairs(rest[finite], None if rest_groups is None else rest_groups[finite]):
            add_fraction(sums, Fraction(value) ** 2, group, count)
        infinite = int(np.count_nonzero(~finite))
        if infinite:
            infinite_groups = np.zeros(infinite, np.int64) if rest_groups is None else rest_groups[~finite]
            _accumulate(sums, PLUS_INFINITY, np.bincount(infinite_groups, minlength=count).astype(np.int64))
        floats, groups = floats[plain], None if groups is None else groups[plain]
    for part in _square_parts(floats):
        merge(sums, group_sums(part, groups, count))
    return sums


def square_parts(values: Floats) -> tuple[Floats, Floats, Floats] | None:
    """Return arrays whose values sum exactly to the squares; None if a square is out of their range.

    Args:
        values: float64, shape (n,); the parts of NaN are NaN.
    """
    return _square_parts(values) if (_has_exact_square(values) | np.isnan(values)).all() else None


def _has_exact_square(values: Floats) -> npt.NDArray[np.bool_]:
    size = np.abs(values)
    exact: npt.NDArray[np.bool_] = (size < 2.0**480) & ((size > 2.0**-430) | (size == 0))
    return exact


def _square_parts(values: Floats) -> tuple[Floats, Floats, Floats]:
    # Dekker's split: x = high + low with 26 bits each, so every product below is exact.
    high = values * 134217729.0
    high = high - (high - values)
    low = values - high
    return high * high, 2.0 * high * low, low * low


def merge(into: Levels, other: Levels) -> None:
    """Add the sums `other` to the sums `into`, in place.

    Args:
        into: level sums of `group_sums` or `group_sums_of_squares`, arrays of shape (count,).
        other: level sums of the same groups, arrays of the same shape.
    """
    for level, parts in other.items():
        _accumulate(into, level, parts)


def total(levels: Mapping[int, int] | Iterable[tuple[int, int]]) -> Fraction | float:
    """Return the exact total of one group's level sums.

    Args:
        levels: level -> units of one group (see `group_levels`), or pairs of them, in any order; a level may occur in
            several pairs.

    Returns:
        The total as a Fraction, not rounded; a float (inf, -inf, or nan for both) when values were infinite.
    """
    pairs = [(int(level), int(parts)) for level, parts in (levels.items() if isinstance(levels, Mapping) else levels)]
    plus = any(parts for level, parts in pairs if level == PLUS_INFINITY)
    minus = any(parts for level, parts in pairs if level == MINUS_INFINITY)
    if plus or minus:
        return float("nan") if plus and minus else float("inf") if plus else float("-inf")
    finite = [pair for pair in pairs if pair[0] not in (PLUS_INFINITY, MINUS_INFINITY)]
    # In units of the lowest level, because adding Fractions takes longer.
    lowest = min((level for level, _ in finite), default=0)
    units = sum(parts << ((level - lowest) * LEVEL_BITS) for level, parts in finite)
    shift = lowest * LEVEL_BITS
    return Fraction(units << shift) if shift >= 0 else Fraction(units, 1 << -shift)


def group_levels(levels: Levels, group: int = 0) -> dict[int, int]:
    """Return the level sums of one group, as `total` reads them.

    Args:
        levels: level sums of all groups, arrays of shape (count,).
        group: number of the group, from 0.

    Returns:
        Level -> units, as Python integers.

    Raises:
        IndexError: there is no such group.
    """
    return {level: int(parts[group]) for level, parts in levels.items()}


def to_double(value: Fraction | float) -> float:
    """Return the float nearest to an exact value.

    Args:
        value: a result of `total`, or what was computed from it.

    Returns:
        The nearest float, ties to even; inf or -inf when the value is out of range.
    """
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


#: Former names, for one release.
rounded, add_up, add_up_squares = to_double, group_sums, group_sums_of_squares


def _add_slice(values: npt.NDArray[np.generic], groups: Integers | None, count: int, sums: Levels) -> None:
    if values.dtype == np.int64:
        _add_integers(values.astype(np.int64, copy=False), groups, count, sums)
        return
    rest = values.astype(np.float64)
    size = np.abs(rest)
    top = float(size.max(initial=0.0))
    if not top < HUGE:
        _add_huge(rest, size, groups, count, sums)
        top = float(np.abs(rest).max(initial=0.0))
    if not top:
        return
    level = int(np.floor(np.log2(top))) // LEVEL_BITS + 1  # one above: log2 may round down at the edge
    while True:
        # Adding and subtracting 1.5 * 2**52 units rounds to whole units of this level, exactly.
        anchor = np.ldexp(1.5, 52 + level * LEVEL_BITS)
        part = (rest + anchor) - anchor
        rest -= part
        if part.any():
            exact = part.sum(keepdims=True) if groups is None else np.bincount(groups, part, count)
            _accumulate(sums, level, _in_units(exact.astype(np.float64), level))
        if not rest.any():
            return
        level -= 1


def _in_units(sums: Floats, level: int) -> Integers:
    half = -level * LEVEL_BITS // 2
    return np.ldexp(np.ldexp(sums, half), -level * LEVEL_BITS - half).astype(np.int64)


def _add_huge(rest: Floats, size: Floats, groups: Integers | None, count: int, sums: Levels) -> None:
    """Add the values that extraction cannot handle, infinities and those beyond HUGE, and set them to zero."""
    huge = ~(size < HUGE)
    huge_groups = np.zeros(int(np.count_nonzero(huge)), np.int64) if groups is None else groups[huge]
    values = rest[huge]
    for level, infinite in ((PLUS_INFINITY, values == np.inf), (MINUS_INFINITY, values == -np.inf)):
        if infinite.any():
            _accumulate(sums, level, np.bincount(huge_groups[infinite], minlength=count).astype(np.int64))
    finite = np.isfinite(values)
    for value, group in _pairs(values[finite], huge_groups[finite]):
        add_fraction(sums, Fraction(value), group, count)
    rest[huge] = 0.0


def _add_integers(values: Integers, groups: Integers | None, count: int, sums: Levels) -> None:
    level = 0
    while values.size:
        last = level == 2 or bool(((values < 1 << LEVEL_BITS) & (values > -(1 << LEVEL_BITS))).all())
        part = values if last else values & ((1 << LEVEL_BITS) - 1)
        exact = part.sum(keepdims=True) if groups is None else np.bincount(groups, part.astype(np.float64), count)
        _accumulate(sums, level, exact.astype(np.int64))
        if last:
            return
        values = values >> LEVEL_BITS
        level += 1


def _integer_squares(values: Integers, groups: Integers | None, count: int) -> Levels:
    small = (values < 1 << 31) & (values > -(1 << 31))
    sums = group_sums(values[small] ** 2, None if groups is None else groups[small], count)
    for value, group in _pairs(values[~small], None if groups is None else groups[~small]):
        add_fraction(sums, Fraction(int(value)) ** 2, group, count)
    return sums


def _pairs(values: npt.NDArray[np.generic], groups: Integers | None) -> Iterable[tuple[float, int]]:
    return zip(values.tolist(), [0] * len(values) if groups is None else groups.tolist(), strict=True)


def add_fraction(sums: Levels, value: Fraction, group: int, count: int) -> None:
    """Add one exact value; its denominator is a power of two."""
    level = -((value.denominator.bit_length() - 1 + LEVEL_BITS - 1) // LEVEL_BITS)
    units = int(value / Fraction(2) ** (level * LEVEL_BITS))
    sign, units = (-1 if units < 0 else 1), abs(units)
    while units:
        units, part = divmod(units, 1 << LEVEL_BITS)
        parts = np.zeros(count, np.int64)
        parts[group] = sign * part
        _accumulate(sums, level, parts)
        level += 1


def _accumulate(sums: Levels, level: int, parts: Integers) -> None:
    if level in sums:
        sums[level] = sums[level] + parts
    else:
        sums[level] = parts

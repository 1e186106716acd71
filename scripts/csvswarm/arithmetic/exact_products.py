"""Exact sums of products, for weighted means."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from csvswarm.arithmetic.exact_sum import MINUS_INFINITY, PLUS_INFINITY, add_fraction, group_sums, merge
from csvswarm.runtime.lazy_imports import np

if TYPE_CHECKING:
    import numpy.typing as npt

    from csvswarm.arithmetic.exact_sum import Levels

    Values = npt.NDArray[np.generic]
    Groups = npt.NDArray[np.int64]


def group_sums_of_products(values: Values, weights: Values, groups: Groups, count: int) -> Levels:
    """Return the exact sum of value times weight in each group, as `exact_sum.group_sums` returns sums.

    values, weights: int64, or float64 without NaN, shape (n,). groups: the group of each row, below `count`.
    """
    if values.dtype == weights.dtype == np.int64:
        plain = _is_small(values) & _is_small(weights)
        sums = group_sums(values[plain].astype(np.int64) * weights[plain].astype(np.int64), groups[plain], count)
    else:
        plain = _splits(values) & _splits(weights)
        sums = {}
        (high, low), (weight_high, weight_low) = _halves(values[plain]), _halves(weights[plain])
        for part in (high * weight_high, high * weight_low, low * weight_high, low * weight_low):
            merge(sums, group_sums(part, groups[plain], count))
    rest = zip(values[~plain].tolist(), weights[~plain].tolist(), groups[~plain].tolist(), strict=True)
    for value, weight, group in rest:
        if math.isfinite(value) and math.isfinite(weight):
            add_fraction(sums, Fraction(value) * Fraction(weight), group, count)
            continue
        product = value * weight
        for level in (PLUS_INFINITY, MINUS_INFINITY):
            if math.isnan(product) or (product > 0) == (level == PLUS_INFINITY):  # infinity times 0 is undefined
                merge(sums, {level: np.bincount([group], minlength=count).astype(np.int64)})
    return sums


def _is_small(values: Values) -> npt.NDArray[np.bool_]:
    is_small: npt.NDArray[np.bool_] = np.abs(values.astype(np.float64)) < 2.0**31
    return is_small


def _splits(values: Values) -> npt.NDArray[np.bool_]:
    """Return a mask of the values that are floats, or integers without loss, of a size whose products are exact."""
    size = np.abs(values.astype(np.float64))
    splits: npt.NDArray[np.bool_] = size < 2.0**53
    if values.dtype != np.int64:
        splits = (size < 2.0**480) & ((size > 2.0**-430) | (size == 0))
    return splits


def _halves(values: Values) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Dekker's split: values as high + low with 26 bits each."""
    floats = values.astype(np.float64)
    high = floats * 134217729.0
    high = high - (high - floats)
    return high, floats - high

"""Variances of sliding windows, independent of where a block starts."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def rolling_variances(values: Array, window: int) -> Array:
    """Return the population variance of every window of `window` consecutive values.

    values: float64, shape (n,), NaN where missing. Returns shape (max(0, n - window + 1),), NaN for windows with a
    missing or infinite value. Windows are combined from runs of 1, 2, 4, ... values with the pairwise update of
    T. F. Chan, G. H. Golub, R. J. LeVeque (Algorithms for computing the sample variance, 1983) in a fixed pattern.
    Unlike with running sums, the result of a window depends only on its own values.
    """
    count = len(values) - window + 1
    if count < 1:
        return np.empty(0)
    mean = np.where(np.isfinite(values), values, np.nan)
    spread = np.zeros_like(mean)
    spread[np.isnan(mean)] = np.nan
    total_mean, total_spread = np.zeros(count), np.zeros(count)
    done, length = 0, 1
    with np.errstate(over="ignore", invalid="ignore"):
        while True:
            if window & length:
                part = slice(done, done + count)
                total_mean, total_spread = _merged(total_mean, total_spread, done, mean[part], spread[part], length)
                done += length
            if done == window:
                return total_spread / window
            mean, spread = _merged(mean[:-length], spread[:-length], length, mean[length:], spread[length:], length)
            length *= 2


def _merged(mean: Array, spread: Array, n: int, other: Array, other_spread: Array, m: int) -> tuple[Array, Array]:
    """Return (mean, sum of squared distances) of runs of n values each followed by a run of m values."""
    if not n:
        return other, other_spread
    distance = other - mean
    return mean + distance * (m / (n + m)), spread + other_spread + distance * distance * (n * m / (n + m))

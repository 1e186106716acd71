"""Rounded sums and quotients are those of exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from csvswarm.arithmetic import exact_sum
from csvswarm.arithmetic.rounded_sums import rounded_sums
from hypothesis import example, given
from hypothesis import strategies as st

VALUES = st.floats(allow_nan=False) | st.floats(-1e6, 1e6) | st.sampled_from([0.1, -0.1, 1e16, -1e16, 1.0, 2.0**-60])
DIVISORS = st.integers(1, 2**53) | st.integers(1, 100)


def nearest(values: list[float], by: int) -> float:
    total = exact_sum.total(exact_sum.group_levels(exact_sum.group_sums(np.array(values, np.float64))))
    return exact_sum.to_double(total if isinstance(total, float) else total / by)


@given(st.lists(st.tuples(st.lists(VALUES, max_size=8), DIVISORS), min_size=1, max_size=8))
@example([([1.0, 2.0**-53], 1), ([1.0, 2.0**-53, 2.0**-80], 1), ([1.0, 1.0, 1.0], 3), ([1e16, -1e16], 7)])
@example([([2.0**53 - 1, 0.5], 1), ([2.0**53, 1.0], 1), ([5e-324, 5e-324], 3), ([1.7e308, 1.7e308], 1)])
def test_every_sum_is_the_nearest_double(groups: list[tuple[list[float], int]]) -> None:
    values = np.array([value for group, _ in groups for value in group], np.float64)
    codes = np.array([index for index, (group, _) in enumerate(groups) for _ in group], np.int64)
    levels = exact_sum.group_sums(values, codes, len(groups))

    sums = rounded_sums(levels, np.array([by for _, by in groups]))

    assert [repr(value) for value in sums.tolist()] == [repr(nearest(group, by)) for group, by in groups]


@pytest.mark.parametrize("scale", [1.0, 1e-3, 2.0**-60, 1e12])
def test_few_sums_need_exact_arithmetic(scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    values, codes = np.round(random.normal(0, 50, 30_000), 3) * scale, random.integers(0, 3000, 30_000)
    levels = exact_sum.group_sums(values, codes, 3000)
    exact: list[float] = []

    def count(value: Fraction | float) -> float:
        exact.append(exact_sum.to_double(value))
        return exact[-1]

    monkeypatch.setattr("csvswarm.arithmetic.rounded_sums.to_double", count)

    sums = rounded_sums(levels, np.bincount(codes, minlength=3000))

    assert len(exact) < 100
    for group in range(3000):
        assert sums[group] == nearest(values[codes == group].tolist(), int((codes == group).sum()))
        assert math.isfinite(sums[group])

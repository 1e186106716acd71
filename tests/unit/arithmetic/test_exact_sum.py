"""Sums without rounding, in any order of addition."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from csvswarm.arithmetic import exact_sum
from csvswarm.arithmetic.rolling_variance import rolling_variances
from csvswarm.arithmetic.sort_keys import keys_of, values_of
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

floats = arrays.arrays(np.float64, st.integers(0, 40), elements=st.floats(allow_nan=False, allow_infinity=False))
integers = arrays.arrays(np.int64, st.integers(0, 40))


def total(levels: exact_sum.Levels, group: int = 0) -> Fraction | float:
    return exact_sum.total(exact_sum.group_levels(levels, group))


@given(floats | integers)
@example(np.array([2.0**1023, -(2.0**1023), 5e-324]))
@example(np.array([np.iinfo(np.int64).min] * 3))
def test_sum_equals_the_sum_of_fractions(values: np.ndarray) -> None:
    assert total(exact_sum.group_sums(values)) == sum(map(Fraction, values.tolist()), Fraction(0))
    assert total(exact_sum.group_sums_of_squares(values)) == sum(
        (Fraction(value) ** 2 for value in values.tolist()), Fraction(0)
    )


@given(floats, st.integers(0, 40))
def test_parts_merge_in_any_grouping(values: np.ndarray, cut: int) -> None:
    levels = exact_sum.group_sums(values[cut:])
    exact_sum.merge(levels, exact_sum.group_sums(values[:cut]))
    assert total(levels) == total(exact_sum.group_sums(values))


@given(floats, st.data())
def test_groups_are_summed_separately(values: np.ndarray, data: st.DataObject) -> None:
    groups = data.draw(arrays.arrays(np.int64, len(values), elements=st.integers(0, 3)))
    levels = exact_sum.group_sums(values, groups, 4)
    for group in range(4):
        assert total(levels, group) == total(exact_sum.group_sums(values[groups == group]))


def test_infinities_in_sums() -> None:
    assert total(exact_sum.group_sums(np.array([1.0, math.inf]))) == math.inf
    assert total(exact_sum.group_sums(np.array([-math.inf, 1.0]))) == -math.inf
    assert math.isnan(total(exact_sum.group_sums(np.array([-math.inf, math.inf]))))
    assert total(exact_sum.group_sums_of_squares(np.array([-math.inf, 2.0]))) == math.inf


@given(st.lists(st.floats(-1e6, 1e6, width=32) | st.just(math.nan), max_size=40), st.integers(1, 9), st.integers(0, 8))
def test_rolling_variance_depends_only_on_its_window(numbers: list[float], window: int, skip: int) -> None:
    values = np.array(numbers)
    whole = rolling_variances(values, window)
    assert len(whole) == max(0, len(values) - window + 1)
    np.testing.assert_array_equal(rolling_variances(values[skip:], window), whole[skip:])
    for index, variance in enumerate(whole.tolist()):
        part = values[index : index + window]
        if np.isnan(part).any():
            assert math.isnan(variance)
        else:
            fractions = [Fraction(value) for value in part.tolist()]
            mean = sum(fractions) / window
            expected = float(sum((value - mean) ** 2 for value in fractions) / window)
            assert math.isclose(variance, expected, rel_tol=1e-11, abs_tol=1e-300)


@given(floats | integers)
def test_sort_keys_order_as_values(values: np.ndarray) -> None:
    keys = keys_of(values)
    assert values[np.argsort(keys, kind="stable")].tolist() == sorted(values.tolist())
    assert values_of(keys, values.dtype == np.int64).tolist() == values.tolist()

"""Expressions computed without pandas have the same values and types as with pandas."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from csvswarm.expressions.rowwise import Expression
from hypothesis import example, given
from hypothesis import strategies as st

COLUMNS = {
    "i": np.array([0, 1, -7, 2**53 + 1, 2**63 - 1, -(2**63)]),
    "j": np.array([3, 0, 2, 2**53 - 1, -1, 5]),
    "x": np.array([0.1, -0.0, math.nan, 1e300, math.inf, 2.5]),
    "y": np.array([3.0, 0.0, 1.5, -1e300, 7.25, -math.inf]),
}

operands = st.sampled_from(["i", "j", "x", "y", "0", "1", "2.5", "-3", "1e3", "9007199254740993", "0.0", "sqrt(x)"])
numbers = st.recursive(
    operands,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "**", "//", "%"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        inner.map(lambda text: f"-({text})"),
    ),
    max_leaves=5,
)
comparisons = st.tuples(numbers, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers).map(" ".join)
truths = st.lists(comparisons, min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from([" and ", " or "]).map(lambda link: link.join(f"({part})" for part in parts))
)


@given(st.one_of(numbers, truths))
@example("(i + j) / i")
@example("i // 2 % 7")
@example("x ** 2 + 2 ** x")
@example("i * j")
@example("x > -10 and y == y or i != j")
def test_numpy_values_match_pandas(text: str) -> None:
    expression = Expression(text, list(COLUMNS), "where")
    computed = expression.evaluate_without_pandas(COLUMNS)
    if computed is None:
        return
    assert isinstance(computed, np.ndarray)
    expected = expression.value(pd.DataFrame(COLUMNS))
    assert computed.dtype == expected.dtype
    assert computed.tobytes() == expected.to_numpy().tobytes() or (
        computed.dtype == np.float64 and np.array_equal(computed, expected.to_numpy(), equal_nan=True)
    )


@pytest.mark.parametrize(
    "text",
    [
        "i >= 500",
        "x * j",
        "y * 111.2",
        "x > -10 and i < 3",
        "(x + y) / 2.5",
        "(i + j) / 2",
        "`i` > 1",
        "sqrt(x) ** 2",
        "0 < i < 3",
        "not (x > 1)",
        "(i > 1) * 2",
        "i % 7",
    ],
)
def test_plain_expressions_need_no_pandas(text: str) -> None:
    assert Expression(text, list(COLUMNS), "where").evaluate_without_pandas(COLUMNS) is not None


@pytest.mark.parametrize(
    "text", ["i // j", "x % y", "x.round(1)", "3", "i in [1, 2]", "i.isna()", "j.astype('str')", "x == 'a'"]
)
def test_other_expressions_need_pandas(text: str) -> None:
    assert Expression(text, list(COLUMNS), "where").evaluate_without_pandas(COLUMNS) is None

"""Integers with missing values and text, without pandas, give the values of pandas' Int64, boolean and str."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.record_scan import Grammar
from csvswarm.expressions.operands import Masked, Text
from csvswarm.expressions.rowwise import Expression
from csvswarm.reading.native_block import FieldFinder
from csvswarm.types.schema import NULL_VALUES
from hypothesis import example, given
from hypothesis import strategies as st

GAP = pd.NA
NUMBERS: dict[str, list[Any]] = {
    "a": [1, GAP, -7, 2**63 - 1, 60, GAP, 0],
    "b": [GAP, 3, -7, 2, 61, GAP, 5],
    "i": [3, 0, -7, 2**53, 1, 5, 9],
}
WORDS = ["JFK", None, "jfk", "", "NA", "LGA", "JFK "]
FIELDS = ["JFK", "", "jfk", '""', '"NA"', '"LGA"', "JFK "]


def columns() -> dict[str, Masked | Text | np.ndarray]:
    finder = FieldFinder(Grammar(Dialect()), 2, [0], NULL_VALUES)
    found = finder.find("".join(f"{field},1\n" for field in FIELDS).encode())
    assert found is not None
    masked = {}
    for name in "ab":
        missing = np.array([n is pd.NA for n in NUMBERS[name]])
        masked[name] = Masked(
            np.array([0 if gap else n for n, gap in zip(NUMBERS[name], missing, strict=True)]), missing
        )
    return {**masked, "i": np.array(NUMBERS["i"]), "t": Text(found.span(0), finder.null_values)}


def frame() -> pd.DataFrame:
    numbers = {name: pd.array(values, "Int64") for name, values in NUMBERS.items() if name != "i"}
    return pd.DataFrame({**numbers, "i": NUMBERS["i"], "t": pd.Series(WORDS, dtype="str")})


sums = st.recursive(
    st.sampled_from(["a", "b", "i", "1", "-3", "a"]),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda parts: f"({' '.join(parts)})"),
    max_leaves=4,
)
signs = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
comparisons = st.tuples(sums, signs, st.one_of(sums, st.just("2.5"))).map(" ".join)
equal = st.tuples(st.sampled_from(["t == {}", "{} == t", "t != {}"]), st.sampled_from(["JFK", "", "NA", "LGA", "x"]))
tests = st.one_of(comparisons, equal.map(lambda pair: pair[0].format(repr(pair[1]))))
linked = st.recursive(
    tests.map("({})".format),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda text: f"(not {text})"),
    ),
    max_leaves=4,
)


@given(st.one_of(sums, linked))
@example("a > 60 and t == 'JFK'")
@example("not (a > b or a == a)")
@example("i - a")
@example("0 < a < 3")
def test_values_match_pandas(text: str) -> None:
    expression = Expression(text, ["a", "b", "i", "t"], "where")
    computed = expression.evaluate_without_pandas(columns())
    if computed is None:
        return
    expected = pd.Series(expression.value(frame()))
    missing = expected.isna().to_numpy()
    if isinstance(computed, Masked):
        assert str(expected.dtype) == {"i": "Int64", "b": "boolean"}[computed.dtype.kind]
        assert computed.missing.tolist() == missing.tolist()
        assert computed.values[~missing].tolist() == expected[~missing].tolist()
        if computed.dtype.kind == "b":
            assert computed.is_true().tolist() == expression.mask(frame()).tolist()
    else:
        assert isinstance(computed, np.ndarray)
        assert computed.dtype == expected.dtype
        assert computed.tolist() == expected.tolist()


@pytest.mark.parametrize("text", ["a - b", "a * 2 > i", "a > 60 and t == 'JFK'", "t != 'x' or not (b < 1.5)", "2 - a"])
def test_no_pandas_is_needed(text: str) -> None:
    assert Expression(text, ["a", "b", "i", "t"], "where").evaluate_without_pandas(columns()) is not None


@pytest.mark.parametrize(
    "text",
    ["a / b", "a // 2", "a % i", "a ** 2", "-a", "sqrt(a)", "a + 2.5", "t > 'a'", "t + 'x'", "t == t", "a.isna()",
     "t.str.title()", "a in [1, 2]", "(a > 1) + 1", "a > True", "t in [1]", "t.astype('int')"],
)  # fmt: skip
def test_pandas_is_needed(text: str) -> None:
    assert Expression(text, ["a", "b", "i", "t"], "where").evaluate_without_pandas(columns()) is None

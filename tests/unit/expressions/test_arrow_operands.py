"""Texts and timestamps in Arrow give the values of pandas' str and datetime64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from csvswarm.csv_format.canonical_text import as_arrow, output_type, to_canonical_text
from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.record_scan import Grammar
from csvswarm.expressions.arrow_operands import Texts, Timestamps
from csvswarm.expressions.operands import ArrowOperand, Masked, Text
from csvswarm.expressions.rowwise import Expression
from csvswarm.processor_api.dataframe import to_frame
from csvswarm.reading.native_block import FieldFinder
from csvswarm.reading.rows import Rows
from csvswarm.types.schema import NULL_VALUES, Schema
from hypothesis import given
from hypothesis import strategies as st

WORDS = ["JFK", None, "jfk ", "NA", "stra\u00dfe", "\u0130stanbul", "\u03a3\u03a3", "\u01c5x", "a.c"]
WORDS += ["abc\U0001f408", "x"]
DAYS = ["2024-02-29 10:30:01.5", None, "2023-12-31", "1969-12-31 23:59:59.999999", "0001-01-01", "9999-12-31 00:00:01"]
DAYS += ["2020-01-01", "2024-03-31 23:59:59", "1999-07-01", "2000-01-03", "2024-10-27 01:30"]
TABLE = pa.table(
    {
        "t": pa.array(WORDS, pa.string()),
        "d": pa.array(DAYS, pa.string()),
        "at": pa.array(pd.Series(DAYS, dtype="datetime64[us]"), pa.timestamp("us")),
    }
)
NAMES = TABLE.column_names
EXPRESSIONS = [
    *["t.str.lower()", "t.str.upper()", "t.str.len()", "t.str.lower().str.upper()", "t.str.len() + 1"],
    *["t.str.contains('a')", "t.str.contains('A.C', case=False)", "t.str.contains('a.c', regex=False)"],
    *["t.str.contains('A.C', case=False, regex=False)", "t.str.contains('x', na=True)", "t.str.contains('(?i)jfk|x')"],
    *["t.str.match('a')", "t.str.fullmatch('a.c')", "t.str.startswith('J')", "t.str.endswith(' ', na=True)"],
    *["t.isna()", "t.notna()", "not t.isnull()", "t in ['JFK', 'x']", "t not in ['JFK', 'NA']", "t == ['x']"],
    *["t.str.lower() == 'jfk '", "'x' != t.str.lower()", "t.str.len() > 3 and t == 'JFK'"],
    *["at.isna()", "at.notnull()", "d.astype('timestamp').dt.hour * 2", "d.astype('datetime64[ns]').dt.year"],
    *(f"at.dt.{part}" for part in ("year", "month", "day", "hour", "minute", "second", "quarter", "dayofyear")),
    *(f"at.dt.{part}" for part in ("day_of_year", "dayofweek", "day_of_week", "weekday")),
]


def in_place() -> Text:
    finder = FieldFinder(Grammar(Dialect()), 2, [0], NULL_VALUES)
    fields = ["" if word is None else '"NA"' if word == "NA" else word for word in WORDS]
    found = finder.find("".join(f"{field},1\n" for field in fields).encode())
    assert found is not None
    return Text(found.span(0), finder.null_values)


def operands() -> dict[str, Text | ArrowOperand]:
    return {"t": in_place(), "d": Texts(TABLE["d"].chunk(0)), "at": Timestamps(TABLE["at"].chunk(0))}


def frame() -> pd.DataFrame:
    kinds = {"t": frozenset({"text"}), "d": frozenset({"text"}), "at": frozenset({"timestamp"})}
    return to_frame(Rows(TABLE, np.arange(1, len(WORDS) + 1)), Schema(kinds, missing=frozenset(NAMES)))


def values_of(computed: Any) -> pa.Array:
    if isinstance(computed, Masked):
        return pa.array(computed.values, mask=computed.missing)
    return computed.array if isinstance(computed, ArrowOperand) else pa.array(computed)


def written(array: pa.Array) -> list[str | None]:
    texts: list[str | None] = to_canonical_text(array, output_type(array)).to_pylist()
    return texts


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_values_match_pandas(text: str) -> None:
    expression = Expression(text, NAMES, "where")

    computed = expression.evaluate_without_pandas(operands())

    assert computed is not None
    expected = as_arrow(expression.value(frame()))
    assert output_type(values_of(computed)) == output_type(expected)
    assert written(values_of(computed)) == written(expected)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_chosen_rows_match_pandas(text: str) -> None:
    expression, chosen = Expression(text, NAMES, "where"), np.arange(len(WORDS)) % 3 == 1

    computed = expression.evaluate_without_pandas({name: one[chosen] for name, one in operands().items()})

    assert written(values_of(computed)) == written(as_arrow(expression.value(frame()[chosen])))


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.none(), min_size=1, max_size=6),
    st.sampled_from([text for text in EXPRESSIONS if text.startswith("t.")]),
)
def test_methods_of_any_texts_match_pandas(words: list[str | None], text: str) -> None:
    expression = Expression(text, NAMES, "where")

    computed = expression.evaluate_without_pandas({"t": Texts(pa.array(words, pa.string()))})

    expected = expression.value(pd.DataFrame({"t": pd.Series(words, dtype="str")}))
    assert written(values_of(computed)) == written(as_arrow(expected))


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_no_rows_need_no_pandas(text: str) -> None:
    none = {"t": Text(None, None), "d": Texts(TABLE["d"].chunk(0)[:0]), "at": Timestamps(TABLE["at"].chunk(0)[:0])}

    computed = Expression(text, NAMES, "where").evaluate_without_pandas(none)

    assert computed is not None
    assert len(values_of(computed)) == 0


@pytest.mark.parametrize(
    "text",
    ["t.str.title()", "t > 'a'", "t + 'x'", "t == d", "t in [1]", "t.astype('int')", "t.astype('timestamp')",
     "at > '2020-01-01'", "at.dt.date", "at.dt.is_leap_year", "t.str.contains('(?=x)')", "at.isin(['2020-01-01'])"],
)  # fmt: skip
def test_the_rest_needs_pandas(text: str) -> None:
    assert Expression(text, NAMES, "where").evaluate_without_pandas(operands()) is None

"""Every value has one text: that of pandas and Python's repr, quoted only if necessary."""

from __future__ import annotations

import csv
import io
import math
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from csvswarm.csv_format.canonical_text import as_arrow, common_type, output_type, to_canonical_text
from csvswarm.csv_format.dialect import CANONICAL, Dialect, header_names
from csvswarm.csv_format.row_writer import encode_header, encode_rows
from csvswarm.types.conversion import TextConverter
from csvswarm.types.schema import resolve
from hypothesis import given, settings
from hypothesis import strategies as st

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


def texts_of(values: object) -> list[str | None]:
    array = as_arrow(pd.Series(values))
    result: list[str | None] = to_canonical_text(array, output_type(array)).to_pylist()
    return result


some_floats = st.one_of(
    st.floats(),
    st.floats(-10, 10).map(lambda value: round(value, 3)),
    st.integers(-(2**60), 2**60).map(float),
    st.builds(lambda digits, exponent: float(f"{digits}e{exponent}"), st.integers(-9999, 9999), st.integers(-25, 25)),
)


@settings(max_examples=300)
@given(st.lists(some_floats, max_size=30))
def test_float_text_equals_python_repr(values: list[float]) -> None:
    expected = [None if math.isnan(value) else repr(value) for value in values]
    assert texts_of(pd.Series(values, dtype="float64")) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2**63 - 1, -(2**63)], ["1", "9223372036854775807", "-9223372036854775808"]),
        (pd.array([1, None], dtype="Int64"), ["1", None]),
        ([True, False], ["True", "False"]),
        (pd.array([True, None], dtype="boolean"), ["True", None]),
        (["a", "", None], ["a", "", None]),
        (pd.Categorical(["x", None]), ["x", None]),
        (
            pd.to_datetime(["2024-02-29 00:00:00", "2024-02-29 01:02:03"]),
            ["2024-02-29 00:00:00", "2024-02-29 01:02:03"],
        ),
        (pd.to_datetime(["2024-01-01 00:00:00.12", ""]), ["2024-01-01 00:00:00.12", None]),
        ([Decimal("1.50"), 2], ["1.50", "2"]),
        (pd.Series([pd.Timestamp("2024-01-01 00:00:00.12"), 1], dtype=object), ["2024-01-01 00:00:00.12", "1"]),
        (pd.Series([1, 2.5], dtype=object), ["1", "2.5"]),
        ([1, "a", 2.5, None], ["1", "a", "2.5", None]),
        ([10**30, 1], [str(10**30), "1"]),
        ([[1, 2], None], ["[1, 2]", None]),
        ([None, None], [None, None]),
        ([float("inf"), -0.0, 1e16, 1e-5], ["inf", "-0.0", "1e+16", "1e-05"]),
    ],
)
def test_canonical_text(values: object, expected: list[str | None]) -> None:
    assert texts_of(values) == expected


@given(st.lists(st.tuples(texts | st.none(), texts | st.none()), min_size=1, max_size=10))
def test_rows_round_trip(rows: list[tuple[str | None, str | None]]) -> None:
    columns = [pa.array([row[column] for row in rows], pa.string()) for column in range(2)]
    data = bytes(encode_rows(columns, CANONICAL)).decode()
    assert [tuple(row) for row in csv.reader(io.StringIO(data, newline=""))] == [
        tuple(field or "" for field in row) for row in rows
    ]


def test_null_like_text_is_quoted_and_missing_values_are_not() -> None:
    column = pa.array(["NA", "", None, "a,b", 'say "hi"', "plain"], pa.string())
    assert bytes(encode_rows([column, column], CANONICAL)).decode().splitlines() == [
        '"NA","NA"', '"",""', ",", '"a,b","a,b"', '"say ""hi""","say ""hi"""', "plain,plain"
    ]  # fmt: skip


def test_rows_in_other_dialects() -> None:
    dialect = Dialect(";", "'", "\r\n")
    columns = [pa.array(["a;b", "it's"], pa.string()), pa.array(["1,5", None], pa.string())]
    assert encode_rows(columns, dialect) == b"'a;b';1,5\r\n'it''s';\r\n"
    assert encode_header(["a", "b;c"], dialect) == b"a;'b;c'\r\n"


@given(st.lists(texts.map(lambda text: text.replace("\r", "").replace("\n", "")), min_size=1, max_size=6))
def test_column_names_are_unique_as_in_pandas(names: list[str]) -> None:
    header = encode_header(names, CANONICAL)
    if not header.strip():
        return
    found = header_names(header.rstrip(b"\n"), CANONICAL)
    assert len(set(found)) == len(found) == len(names)
    expected = pd.read_csv(io.BytesIO(header), index_col=False).columns
    if all(name.strip() == name for name in names):
        assert found == list(expected)


KINDS = ["int", "float", "bool", "text", "quoted"]


@given(st.frozensets(st.sampled_from(KINDS)), st.frozensets(st.sampled_from(KINDS)))
def test_types_only_widen_as_kinds_are_added(some: frozenset[str], more: frozenset[str]) -> None:
    rank = {"null": 0, "quoted": 1, "bool": 2, "int": 2, "float": 3, "text": 4}
    assert rank[resolve(some | more)] >= max(rank[resolve(some)], rank[resolve(more)])


@given(st.lists(st.sampled_from(["1", "0", "-5", "007", "1.5", "1e5", "true", "", "NA", None, " 3", "x", "+1", "0x1F",
                                 "9" * 19, "9" * 25, "inf", "-0"]), max_size=8),
       st.lists(st.sampled_from(["2", "2.5", "y", "False", None, "NA", "010", "8" * 22]), max_size=4))  # fmt: skip
def test_data_fits_a_type_exactly_when_it_does_not_change_it(first: list[str | None], later: list[str | None]) -> None:
    values = TextConverter()
    kinds = [values.kinds(pa.array(column, pa.string())) for column in (first, later)]
    kind = resolve(kinds[0])
    assert values.convert(pa.array(first, pa.string()), kind) is not None
    fits = values.convert(pa.array(later, pa.string()), kind) is not None
    assert fits == (resolve(kinds[0] | kinds[1]) == kind)


def test_common_output_type() -> None:
    assert common_type("int", "float") == "float"
    assert common_type(None, "int") == "int"
    assert common_type("bool", "int") == "text"

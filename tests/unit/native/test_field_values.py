"""The kernel converts fields like `schema`, or declines."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.record_scan import Grammar
from csvswarm.native import field_values
from csvswarm.native.field_values import EncodedNullValues, Span
from csvswarm.reading.arrow_parser import parse
from csvswarm.reading.native_block import FieldFinder, LocatedFields
from csvswarm.types.conversion import TextConverter
from csvswarm.types.schema import NULL_VALUES
from hypothesis import example, given
from hypothesis import strategies as st

NULLS = [NULL_VALUES, ("", "-"), ("", "0", "-1", "999"), ("", "x", "1.5", "inf"), ("-",)]
words = st.sampled_from(
    [
        *(
            "",
            "0",
            "-0",
            "007",
            "-7",
            "12",
            "+1",
            "1.50",
            ".5",
            "-.5",
            "1.",
            ".",
            "-",
            "1e5",
            "1e",
            "1E-3",
            "0x1F",
            "00.5",
        ),
        *(
            "1_0",
            "1e400",
            "1e-400",
            "inf",
            "-Infinity",
            "nan",
            "Nan",
            "NaN",
            "NA",
            "n.a.",
            "info",
            "True",
            "FALSE",
            "yes",
        ),
        *("é", " 1", "1 ", " NA", "9" * 18, "9" * 19, "9" * 20, "-9223372036854775808", "9223372036854775807"),
        *(
            "0.1",
            "0." + "1" * 30,
            "5e-324",
            "2.2250738585072011e-308",
            "1.7976931348623157e308",
            "9007199254740993",
            "1e23",
        ),
        *("9007199254740993.0", "999", "-1"),
    ]
)
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**19), 10**19).map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})\.[0-9]{1,22}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.decimals(allow_nan=False, allow_infinity=False, places=6).map(str),
)
columns = st.lists(
    st.one_of(words, numbers, words.map(lambda word: f'"{word}"'), st.just('"a""b"')), min_size=1, max_size=8
)
plain = st.lists(st.one_of(numbers, st.sampled_from(["", "NA", '"1"', '"2.5"', '""'])), min_size=1, max_size=8)


def span_of(column: list[str], nulls: tuple[str, ...]) -> tuple[FieldFinder, LocatedFields, pa.Array]:
    """Return the fields of a column as found by the kernel and as read by the parser."""
    data = "".join(f"{value},x\n" for value in column).encode()
    finder = FieldFinder(Grammar(Dialect()), 2, [0], nulls)
    found = finder.find(data)
    parsed = parse(data, Dialect(), 2, [0], nulls)
    assert found is not None
    assert parsed is not None
    return finder, found, parsed.column("0").combine_chunks()


@given(
    st.one_of(columns, plain), st.sampled_from(NULLS), st.sampled_from(["int", "float", "null", "text"]), st.booleans()
)
@example(["9007199254740993.0", "1"], NULL_VALUES, "float", False)
@example(['"-1"', " 7"], ("", "0", "-1", "999"), "int", False)
def test_column_values_match_the_reference(column: list[str], nulls: tuple[str, ...], kind: str, fixed: bool) -> None:
    finder, found, text = span_of(column, nulls)
    got = finder.column(found, 0, kind)
    if got is None:
        return
    expected = TextConverter(nulls).convert(text, kind, declared=fixed)
    assert expected is not None
    array = got.arrow()
    array.validate(full=True)
    assert array.type == expected.type
    assert [repr(value) for value in array.to_pylist()] == [repr(value) for value in expected.to_pylist()]


@pytest.mark.parametrize("column", [["1", "", "-5"], ["1", "NA", "0"], ['"1"', '""']])
@pytest.mark.parametrize("kind", ["int", "float"])
def test_plain_numbers_are_not_declined(column: list[str], kind: str) -> None:
    finder, found, _ = span_of(column, NULL_VALUES)
    assert finder.column(found, 0, kind) is not None


@given(columns, st.sampled_from(NULLS))
def test_kinds(column: list[str], nulls: tuple[str, ...]) -> None:
    finder, found, text = span_of(column, nulls)
    bits = finder.kinds(found, 0)
    if bits is not None:
        assert bits == (TextConverter(nulls).kinds(text), bool(text.null_count))


@pytest.mark.parametrize(
    "column", [["n.a. yet", "info", "in"], ["2020-01-01"], ["C-1"], ["1", "2.5", ""], ["True"], ["007"]]
)
def test_common_kinds_are_not_declined(column: list[str]) -> None:
    finder, found, _ = span_of(column, NULL_VALUES)
    assert finder.kinds(found, 0) is not None


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_floats_are_read_as_in_python(floats: list[float]) -> None:
    texts = [repr(value).encode() for value in floats]
    stops = np.cumsum([len(text) for text in texts]).astype(np.int32)
    starts = np.concatenate([[0], stops[:-1]]).astype(np.int32)
    got = field_values.floats(Span(b"".join(texts), starts, stops, -1), EncodedNullValues([""]))
    if got is not None:
        assert got.view(np.int64).tolist() == np.array(floats).view(np.int64).tolist()

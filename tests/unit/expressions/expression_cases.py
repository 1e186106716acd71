"""Columns and expressions for tests of `transform`: every member, on blocks with and without missing values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from csvswarm.csv_format.canonical_text import as_arrow, output_type, to_canonical_text
from csvswarm.errors import OptionError
from csvswarm.expressions.rowwise import Expression
from hypothesis import strategies as st

#: Every kind of column of a file, as `processor_api.dataframe` creates it, with missing values as in a file.
FRAME = pd.DataFrame(
    {
        "i": [0, 1, -7, 12, 5, 3],
        "j": [3, 2, 2, -1, 5, 1],
        "k": pd.array([4, None, 0, -3, None, 9007199254740993], dtype="Int64"),
        "x": [0.1, np.nan, -2.5, 1e300, np.inf, 2.0],
        "y": [3.0, 0.0, 1.5, -7.25, np.nan, 1e-5],
        "b": [True, False, True, True, False, False],
        "c": pd.array([True, None, False, True, None, False], dtype="boolean"),
        "s": pd.array(["a b-c", None, "", "Ünï 1", "aXa ", "12"], dtype="str"),
        "t": pd.array(["b", "x", "a", "1.5", "abc", "12"], dtype="str"),
        "none": pd.array([None] * 6, dtype="str"),
        "n": pd.array(["1", None, "-20", "3", "4", "7"], dtype="str"),
        "d": pd.array(["2024-02-29", None, "2023-01-01 10:00:00", "2024-02-29", "2020-12-31", "2021-06-15"], "str"),
        "at": pd.Series(
            [
                *["2024-02-29 10:30:01.5", None, "2023-12-31", "2020-01-01 00:00:00.000001"],
                *["2024-03-31 23:59:59", "1999-07-01"],
            ],
            dtype="datetime64[us]",
        ),
        "to": pd.Series([*["2024-03-01"] * 3, None, "2020-05-01 12:00", "2024-10-27 01:30"], dtype="datetime64[us]"),
        "a column": [1, 2, 3, 4, 5, 6],
    }
)  # fmt: skip

COLUMNS = [str(name) for name in FRAME]

_LINES = Path(__file__).with_name("expressions.txt").read_text().split("# -- members\n")
OPERATORS, MEMBER_CALLS = ([line for line in part.splitlines() if line and line[0] != "#"] for part in _LINES)
EVERY_EXPRESSION = [*OPERATORS, *MEMBER_CALLS]


# -- random expressions ------------------------------------------------------------------------------------------------

#: Parts of random expressions: operands, unary and binary operations.
LEAVES = [
    *(name if name.isidentifier() else f"`{name}`" for name in COLUMNS),
    *["0", "1", "-2", "2.5", "1e300", "True", "'a'", "'`'", "[1, 2]", "['a', '`']", "'2024-01-01'"],
]
REFUSED = [
    *["{0}.mean()", "{0}.shift(1)", "{0}.rank()", "{0}[0]", "@{0}", "{0}.values", "{0}.apply(abs)", "{0}.isin({0})"],
    *["{0}.str.cat()", "{0}.str.get_dummies()", "{0}.str.split(expand=True)", "{0}.str.contains({0})"],
    *["{0}.dt.tz_localize('UTC', ambiguous='infer')", "(lambda: {0})()"],
]
CALLS = [
    *(text.replace(name, "{0}.", 1) for text in MEMBER_CALLS for name in ("s.", "k.", "at.") if text.startswith(name)),
    *["sqrt({0})", "log({0})", "abs({0})", "-{0}", "not {0}", "~{0}", "{0}.astype('str')", "{0}.astype('float')"],
    *REFUSED,
]
SIGNS = ["+", "-", "*", "/", "//", "%", "**", "<", "<=", ">", "==", "!=", "and", "or", "&", "|", "in", "not in"]
expressions = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(SIGNS), inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(st.sampled_from(CALLS), inner).map(lambda parts: parts[0].replace("{0}", f"({parts[1]})")),
    ),
    max_leaves=6,
)

#: Pieces of an attack, combined in any order.
PIECES = [
    "`",
    "'",
    '"',
    "@",
    "ast",
    ".sys",
    ".modules",
    "['os']",
    ".system",
    "('true')",
    "__import__",
    "__class__",
    "i",
    "s",
    "==",
    "&",
    "|",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ":=",
    ",",
    "#",
    "\\",
    "b''",
    "0x1F",
    "1_0",
    "1j",
    "...",
    ".str",
    ".dt",
    ".isin",
    ".astype",
    ".eval",
    ".query",
    ".apply",
    ".map",
    "*",
    "**",
    "--",
    "~",
    "99999999999999999999",
    "1e999",
    "None",
    ".pipe",
    "f'{i}'",
]
PIECES += [" not ", "lambda: 0", "a column", "\n", "\0", "\ud800", "if i else s", "for i in s", "await ", "yield "]
expression_text = st.one_of(st.text(max_size=30), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


def as_seen(values: Any) -> list[Any]:
    """Return the values of a column for comparison: missing ones as None, -0.0 distinct from 0.0."""
    return [None if pd.isna(value) else repr(float(value)) if isinstance(value, float) else value for value in values]


def outcome(text: str, parts: list[pd.DataFrame]) -> tuple[set[str], list[Any]] | None:
    """Return (the dtypes, the written texts) over blocks; None if the expression is refused."""
    try:
        expression = Expression(text, COLUMNS, "it")
        values = [expression.value(part) for part in parts]
    except OptionError:
        return None
    arrays = [as_arrow(value) for value in values]
    return {str(value.dtype) for value in values}, [
        text for array in arrays for text in to_canonical_text(array, output_type(array)).to_pylist()
    ]


#: Suffixes of an expression whose results depend on the dtype.
AFTER = ["({0}).astype('str')", "({0}) == ({0})", "({0}) + ({0})", "({0}).isna()"]


def blocks(size: int) -> list[pd.DataFrame]:
    return [FRAME.iloc[start : start + size] for start in range(0, len(FRAME), size)]


def assert_same_in_any_blocks(text: str) -> None:
    """The expression, with any suffix, is refused or has the same result in blocks of 1, 2, 5 and no rows."""
    whole = outcome(text, [FRAME])
    for size in (1, 2, 5):
        assert outcome(text, [*blocks(size), FRAME.iloc[:0]]) == whole
    if whole is None:
        return
    for after in (pattern.format(text) for pattern in AFTER):
        assert outcome(after, blocks(1)) == outcome(after, [FRAME]), after

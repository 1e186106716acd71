"""Every member of an expression has the values and the dtype of one pandas pass, for any blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from csvswarm.csv_format.canonical_text import as_arrow, output_type, to_canonical_text
from csvswarm.errors import OptionError
from csvswarm.expressions.members import MEMBERS
from csvswarm.expressions.rowwise import Expression
from csvswarm.expressions.tree import Apply, Node, parse

from tests.support.jobs import run_with_all_cuts
from tests.unit.expressions.expression_cases import (
    COLUMNS,
    EVERY_EXPRESSION,
    FRAME,
    MEMBER_CALLS,
    OPERATORS,
    as_seen,
    assert_same_in_any_blocks,
)


def names_of(node: Node) -> set[str]:
    return {node.name}.union(*map(names_of, node.nodes)) if isinstance(node, Apply) else set()


def test_every_member_has_an_example() -> None:
    assert set(MEMBERS) <= set().union(*(names_of(parse(text)) for text in MEMBER_CALLS))


@pytest.mark.parametrize("text", EVERY_EXPRESSION)
def test_blocks_change_no_dtype_or_value(text: str) -> None:
    expression = Expression(text, COLUMNS, "it")
    assert len(expression.value(FRAME)) == len(FRAME)  # it is accepted
    assert_same_in_any_blocks(text)


def test_lists_of_texts_are_rejected() -> None:
    with pytest.raises(OptionError, match=r"returns lists: choose an element with \.str\.get\(\)"):
        Expression("s.str.split('-')", COLUMNS, "it").value(FRAME)


# -- beside pandas -----------------------------------------------------------------------------------------------------

#: Deliberate differences from pandas, see files/processors/README.md.
OTHERWISE = (
    "//",
    "%",
    "astype('str')",
    "astype('int')",
    "astype('Int64')",
    "astype('timestamp')",
    "dt.date",
    "dt.time",
)


def of_pandas(text: str) -> Any:
    """Evaluate the same text with Python over the columns of the whole file."""
    names = {name: getattr(np, name) for name in MEMBERS if not name.startswith(".")}
    with np.errstate(all="ignore"):
        return eval(text, {"__builtins__": {}, **names}, {name: FRAME[name] for name in COLUMNS})  # noqa: S307  # own texts


#: Not supported by pandas: lists of missing values only, columns of two types, a timestamp in a list of texts.
NOT_IN_PANDAS = (
    *("none.str.split", "none.str.rsplit", "none.str.partition", "none.str.rpartition", "x.fillna(k)", "x.clip(k)"),
    *("k.clip(1, x)", "k.clip(lower=i)", "weekday", "dayof", "daysin", "at in", "none +"),
)


def without(texts: list[str], words: tuple[str, ...]) -> list[str]:
    return [text for text in texts if not any(word in text for word in words)]


@pytest.mark.parametrize("text", without(MEMBER_CALLS, OTHERWISE + NOT_IN_PANDAS))
def test_values_match_one_pandas_pass(text: str) -> None:
    expected = of_pandas(text)
    if expected.dtype == object:
        expected = expected.astype("str")
    found = Expression(text, COLUMNS, "it").value(FRAME)

    if pd.api.types.is_integer_dtype(found.dtype) and pd.api.types.is_float_dtype(expected.dtype):
        expected = expected.astype("Int64")
    assert as_seen(found) == as_seen(expected)


#: pandas' eval supports neither comparisons of timestamps with text nor booleans with missing values in arithmetic.
NOT_IN_EVAL = ("at", "//", "%", "none", "'-'", "c * 2", "b + k", ".clip")


@pytest.mark.parametrize("text", without(OPERATORS, NOT_IN_EVAL))
def test_operators_match_pandas_eval(text: str) -> None:
    expected = FRAME.eval(text, engine="python")
    if not isinstance(expected, pd.Series):
        expected = pd.Series(expected, index=FRAME.index)
    assert as_seen(Expression(text, COLUMNS, "it").value(FRAME)) == as_seen(expected)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("i // j", [0, 0, -4, -12, 1, 3]),
        ("i // (j - 2)", [0, None, None, -4, 1, -3]),
        ("k % i", [None, None, 0, 9, None, 0]),
        ("k // k", [1, None, None, 1, None, 1]),
        ("s.str.len()", [5, None, 0, 5, 4, 2]),
        ("at.dt.year", [2024, None, 2023, 2020, 2024, 1999]),
        ("at.dt.month * 100000000000", [200000000000, None, 1200000000000, 100000000000, 300000000000, 700000000000]),
        ("s.str.len().astype('str')", ["5", None, "0", "5", "4", "2"]),
        ("at.astype('str')", ["2024-02-29 10:30:01.5", None, "2023-12-31 00:00:00", "2020-01-01 00:00:00.000001",
                              "2024-03-31 23:59:59", "1999-07-01 00:00:00"]),
        ("at.dt.date", ["2024-02-29", None, "2023-12-31", "2020-01-01", "2024-03-31", "1999-07-01"]),
        ("at.dt.time", ["10:30:01.5", None, "00:00:00", "00:00:00.000001", "23:59:59", "00:00:00"]),
        ("n.astype('int') + 1", [2, None, -19, 4, 5, 8]),
        ("at > '2024-03'", [False, False, False, False, True, False]),
        ("at in ['2023-12-31', '1999-07-01']", [False, False, True, False, False, True]),
        ("s + '-' + t", ["a b-c-b", None, "-a", "Ünï 1-1.5", "aXa -abc", "12-12"]),
        ("(i + 9007199254740993) / 1 == i + 9007199254740993", [True] * 6),
    ],
)  # fmt: skip
def test_documented_differences_from_pandas(text: str, values: list[Any]) -> None:
    found = Expression(text, COLUMNS, "it").value(FRAME)

    assert [None if pd.isna(value) else value for value in found] == values


def test_every_expression_in_one_job(tmp_path: Path) -> None:
    """All expressions as new columns of one job, whose result is the same for 1, 2 and 5 chunks and any blocks."""
    source = tmp_path / "data.csv"
    FRAME.to_csv(source, index=False)
    kinds = {"i": "int", "f": "float", "b": "bool", "M": "timestamp", "O": "text"}
    types = {name: kinds[FRAME[name].dtype.kind] for name in COLUMNS}
    assigned = {f"new {index}": text for index, text in enumerate(EVERY_EXPRESSION)}

    result = run_with_all_cuts(
        tmp_path,
        source,
        cuts=((1, 1 << 20), (1, 1), (2, 1 << 20), (5, 1 << 20)),
        processor="transform",
        column_types=types,
        options={"assign": assigned, "columns": list(assigned)},
    )

    frame = FRAME.assign(s=FRAME["s"].replace("", None))  # pandas writes an empty text like a missing value
    for index, text in enumerate(EVERY_EXPRESSION):
        array = as_arrow(Expression(text, COLUMNS, "it").value(frame))
        written = ["" if value is None else value for value in to_canonical_text(array, output_type(array)).to_pylist()]
        assert [row[index] for row in result.rows] == written, text

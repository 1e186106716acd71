"""Expressions of `transform`: values, dtypes and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from csvswarm.errors import CsvswarmError, OptionError

from tests.processors.transform_runs import transform, written
from tests.support.jobs import run_in_process, run_with_all_cuts


def test_expressions_see_earlier_assignments(tmp_path: Path) -> None:
    source = written(tmp_path, "a\n1\n2\n3\n")

    result = transform(tmp_path, source, where="a > 1", assign={"b": "a * 10", "a": "b + 1", "c": "a"})

    assert result.data == b"a,b,c\n21,20,21\n31,30,31\n"


def test_backticks_quote_column_names(tmp_path: Path) -> None:
    source = written(tmp_path, "unit price,class,1st,x-y\n2,a,5,1\n3,b,6,2\n")

    result = transform(
        tmp_path,
        source,
        where="`unit price` > 2 and `class` == 'b'",
        assign={"a, b": "`1st` + `x-y`", 'say "c"': "`a, b` * 2"},
    )

    assert result.data.decode() == 'unit price,class,1st,x-y,"a, b","say ""c"""\n3,b,6,2,8,16\n'


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("n > 1", ["b"]),
        ("n != 1", ["b"]),
        ("n.isna()", ["c"]),
        ("f != 1", ["b", "c"]),
        ("f < 9", ["a", "b"]),
        ("t == 'x'", ["a"]),
        ("t != 'x'", ["b", "c"]),
        ("flag", ["a"]),
        ("not flag", ["b"]),
        ("n > 1 or t == 'x'", ["a", "b"]),
        ("n > f", []),
        ("True", ["a", "b", "c"]),
        ("n in [1, 2] and k in ('a', 'c')", ["a"]),
    ],
)
def test_where_treats_missing_values_like_pandas(tmp_path: Path, where: str, kept: list[str]) -> None:
    source = written(tmp_path, "k,n,f,t,flag\na,1,1.0,x,True\nb,2,2.5,y,False\nc,,,,\n")

    assert [row[0] for row in transform(tmp_path, source, where=where).rows] == kept


def test_types_are_those_of_the_whole_file(tmp_path: Path) -> None:
    rows = [f"{row},{row},\n" for row in range(200)]
    source = written(tmp_path, "a,late_gap,late\n" + "".join(rows) + "200,,7\n201,5,0.5\n")

    result = transform(tmp_path, source, assign={"b": "late_gap + 1", "c": "late * 2"}, columns=["a", "b", "c"])

    assert result.rows[:2] == [["0", "1", ""], ["1", "2", ""]]
    assert result.rows[-2:] == [["200", "", "14.0"], ["201", "6", "1.0"]]


def test_large_ids_with_missing_values_are_computed_as_integers(tmp_path: Path) -> None:
    source = written(tmp_path, "id,x\n9007199254740993,1\n,2\n9007199254740995,3\n")

    result = transform(tmp_path, source, where="id != 9007199254740995", assign={"next": "id + 1"})

    assert result.rows == [["9007199254740993", "1", "9007199254740994"]]


def test_declared_dates_are_dates(tmp_path: Path) -> None:
    source = written(tmp_path, "at,x\n2024-02-29 10:00:00,1\n2023-01-01 00:00:00,2\n,3\n")

    result = transform(
        tmp_path,
        source,
        request={"column_types": {"at": "timestamp"}},
        where="at > '2023-06-01'",
        assign={"year": "at.dt.year", "day": "at.dt.normalize()"},
    )

    assert result.rows == [["2024-02-29 10:00:00", "1", "2024", "2024-02-29 00:00:00"]]


@pytest.mark.parametrize(
    ("expression", "texts"),
    [
        ("name.str.len().astype('str')", ["3", "", "0", "", "4", "3", "1"]),
        ("name.str.count('a') + 1", ["2", "", "1", "", "3", "2", "1"]),
        ("name.str.find('b').astype('str') + '!'", ["1!", "", "-1!", "", "2!", "-1!", "-1!"]),
        ("name.str.rfind('c')", ["2", "", "-1", "", "-1", "-1", "-1"]),
        ("name.str.split('b').str.len().astype('str')", ["2", "", "1", "", "2", "1", "1"]),
        ("name.str.split('b').str.get(1).fillna('none')", ["c", "none", "none", "none", "d", "none", "none"]),
        ("at.dt.year.astype('str')", ["2024", "", "", "2023", "1999", "", ""]),
        ("at.dt.day > 3", ["True", "", "", "False", "True", "", ""]),
        ("at.astype('str')", ["2024-02-29 00:00:00", "", "", "2023-01-01 10:00:00", "1999-12-31 00:00:00", "", ""]),
        ("name.str.contains('a').astype('str')", ["True", "False", "False", "False", "True", "True", "False"]),
        ("(a // b).astype('str')", ["", "0", "1", "", "-2", "1", "1"]),
        ("(a % b).astype('str')", ["", "2", "0", "", "1", "0", "0"]),
    ],
)
def test_dtypes_are_those_of_the_file_not_the_block(tmp_path: Path, expression: str, texts: list[str]) -> None:
    rows = ["abc,1,0,2024-02-29", ",2,5,", '"",3,3,', ",4,0,2023-01-01 10:00:00", "aabd,-3,2,1999-12-31"]
    rows += ["xay,7,7,", "x,1,1,"]
    source = written(tmp_path, "name,a,b,at\n" + "\n".join(rows) + "\n")
    cuts = ((1, 1 << 20), (1, 8), (2, 1 << 20), (5, 1 << 20))

    result = run_with_all_cuts(
        tmp_path,
        source,
        cuts=cuts,
        processor="transform",
        column_types={"at": "timestamp"},
        options={"assign": {"new": expression}},
    )

    assert [row[-1] for row in result.rows] == texts


@pytest.mark.parametrize(
    ("value", "texts"),
    [("1", ["1", "1"]), (2.0, ["2.0", "2.0"]), ("'a,b'", ["a,b", "a,b"]), (True, ["True", "True"])],
)
def test_constant_expression_fills_every_row(tmp_path: Path, value: Any, texts: list[str]) -> None:
    source = written(tmp_path, "a\n5\n6\n")

    assert [row[1] for row in transform(tmp_path, source, assign={"c": value}).rows] == texts


def test_backtick_in_a_string_is_text(tmp_path: Path) -> None:
    source = written(tmp_path, "a,it is\n`,1\nb,2\n`c`,3\n")

    result = transform(tmp_path, source, where="a == '`' or `it is` == 3 & a == \"`c`\"")

    assert [row[0] for row in result.rows] == ["`", "`c`"]


def test_strings_never_run_code(tmp_path: Path) -> None:
    """Text between two backticks inside strings was once passed to pandas unchecked."""
    source, trace = written(tmp_path, "a\nx\n"), tmp_path / "trace"
    attack = f"'`' == @ast.sys.modules['os'].system('touch {trace}') or '`' == ''"

    with pytest.raises(OptionError, match="expressions have columns, but no variables"):
        run_in_process(tmp_path, source, processor="transform", options={"where": attack})

    assert not trace.exists()


def test_regular_expressions_never_backtrack(tmp_path: Path) -> None:
    """Python's own re takes 2**40 steps for this one."""
    source = written(tmp_path, f"a\n{'a' * 40}!\nab\n")

    result = transform(tmp_path, source, where="a.str.contains('(a+)+$') or a.str.fullmatch('(a|aa)+b')")

    assert [row[0] for row in result.rows] == ["ab"]


@pytest.mark.parametrize("text", ["now", "today", "10:00", "June 5", "NaT", "2024-02-29 now"])
def test_timestamps_in_expressions_do_not_depend_on_the_clock(tmp_path: Path, text: str) -> None:
    source = written(tmp_path, "at\n2024-02-29\n")
    request: dict[str, Any] = {"column_types": {"at": "timestamp"}, "options": {"where": f"at > '{text}'"}}

    with pytest.raises(CsvswarmError, match=f"'{text}' is not a timestamp: write 2024-02-29"):
        run_in_process(tmp_path, source, processor="transform", **request)

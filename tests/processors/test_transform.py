"""transform, compared with the same pandas code on the whole file; untouched text stays the same byte for byte."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from csvswarm.errors import CsvswarmError, OptionError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.jobs import SAMPLE, Result, run_in_process, run_with_all_cuts

SAMPLE_CUTS = ((1, 1 << 20), (2, 1 << 18), (7, 1 << 16))


def transform(directory: Path, source: Path, *, request: dict[str, Any] | None = None, **options: Any) -> Result:
    return run_with_all_cuts(directory, source, processor="transform", options=options, **(request or {}))


def written(directory: Path, text: str) -> Path:
    path = directory / "data.csv"
    path.write_bytes(text.encode())
    return path


# -- the sample --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """The sample as a processor sees it, where integers with missing values stay integers."""
    frame = pd.read_csv(SAMPLE)
    gaps = [name for name in frame.select_dtypes("number") if frame[name].isna().any()]
    return frame.astype(dict.fromkeys(gaps, "Int64"))


@pytest.mark.parametrize(
    ("where", "assign", "columns"),
    [
        ("dep_delay > 60", {}, None),
        ("carrier in ['UA', 'AA'] and not (origin == 'JFK' or 99 < distance < 500)", {}, ["flight", "carrier", "dest"]),
        ("arr_delay.isna()", {}, ["tailnum", "arr_delay"]),
        ("dep_delay != 2", {}, ["dep_delay"]),
        ("tailnum != 'N14228' and air_time.notna()", {"speed": "distance / air_time * 60"}, None),
        (None, {"late": "arr_delay > 15", "gained": "dep_delay - arr_delay", "half": "distance / 2"}, None),
        ("dest.str.startswith('I')", {"to": "dest.str.lower()", "far": "distance > 1000"}, ["to", "far", "dest"]),
        (None, {"log": "log(distance)", "more": "log * 2", "dest": "origin + dest"}, ["dest", "more"]),
        ("day < 0", {"speed": "distance / air_time"}, None),
    ],
)  # fmt: skip
def test_sample_matches_pandas(
    tmp_path: Path, flights: pd.DataFrame, where: str | None, assign: dict[str, str], columns: list[str] | None
) -> None:
    options = {"where": where, "assign": assign, "columns": columns}
    ours = run_with_all_cuts(tmp_path, SAMPLE, cuts=SAMPLE_CUTS, processor="transform", options=options)

    as_text = pd.read_csv(SAMPLE, dtype=str, keep_default_na=False)
    expected = flights.query(where, engine="python") if where else flights
    for name, expression in assign.items():
        expected = expected.copy()
        expected[name] = expected.eval(expression, engine="python")
    expected = expected[columns] if columns else expected
    assert ours.header == list(expected.columns)
    assert len(ours.rows) == len(expected)
    columns_of_text = list(zip(*ours.rows, strict=True)) or [()] * len(ours.header)
    for name, texts in zip(expected.columns, columns_of_text, strict=True):
        if name not in assign:
            assert list(texts) == as_text.loc[expected.index, name].tolist(), name
        elif pd.api.types.is_float_dtype(expected[name].dtype):
            values = expected[name].to_numpy(float, na_value=np.nan)
            assert np.array_equal([float(text or "nan") for text in texts], values, equal_nan=True), name
        else:
            assert list(texts) == ["" if pd.isna(value) else str(value) for value in expected[name]], name


def test_without_options_the_result_is_the_input(tmp_path: Path) -> None:
    assert run_with_all_cuts(tmp_path, SAMPLE, cuts=SAMPLE_CUTS, processor="transform").data == SAMPLE.read_bytes()


# -- any text ----------------------------------------------------------------------------------------------------------

fields = st.text(st.sampled_from('ab0.,;\t"\n\r é\N{CAT FACE}'), max_size=6) | st.sampled_from(
    ["", "NA", "1.50", "007", "True", "1e5", "9007199254740993", "-0.0", "=1+1"]
)


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, list[list[str]], str]:
    """Return a CSV of three columns in any dialect, its parsed rows, and the delimiter."""
    delimiter = draw(st.sampled_from(",;\t|"))
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    rows = draw(st.lists(st.lists(fields, min_size=2, max_size=2), max_size=15))
    quote_all = draw(st.booleans())

    def field(text: str) -> str:
        if quote_all or any(special in text for special in (delimiter, '"', "\n", "\r")):
            return '"' + text.replace('"', '""') + '"'
        return text

    table = [[str(index), *row] for index, row in enumerate(rows)]
    lines = [delimiter.join(map(field, row)) + ending for row in [["row", "one", "two"], *table]]
    bom = "\ufeff" if draw(st.booleans()) else ""
    return (bom + "".join(lines)).encode(), table, delimiter


@settings(max_examples=30)
@given(file=files())
def test_any_file_is_copied_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[bytes, list[list[str]], str]
) -> None:
    data, _, delimiter = file
    directory = tmp_path_factory.mktemp("any")
    (directory / "data.csv").write_bytes(data)

    assert transform(directory, directory / "data.csv", request={"delimiter": delimiter}).data == data


@settings(max_examples=30)
@given(file=files(), modulus=st.integers(1, 4), remainder=st.integers(0, 3))
def test_selected_rows_and_columns_keep_their_text(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[bytes, list[list[str]], str], modulus: int, remainder: int
) -> None:
    data, table, delimiter = file
    directory = tmp_path_factory.mktemp("any")
    (directory / "data.csv").write_bytes(data)

    result = transform(
        directory,
        directory / "data.csv",
        request={"delimiter": delimiter, "column_types": {"row": "int"}},
        where=f"row % {modulus} == {remainder}",
        assign={"next": "row + 1"},
        columns=["two", "next", "one", "two"],
    )

    text = result.data.decode().removeprefix("\ufeff")
    seen = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    kept = [row for row in table if int(row[0]) % modulus == remainder]
    assert seen == [["two", "next", "one", "two"], *([two, str(int(row) + 1), one, two] for row, one, two in kept)]


# -- what stays as it was ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where", "expected"),
    [
        ("n,x\r\n1,1.50\r\n2,0x\r\n", "n > 1", "n,x\r\n2,0x\r\n"),
        ("\ufeffn;x\n1;1,5\n2;2,5\n", "n < 2", "\ufeffn;x\n1;1,5\n"),
        ("n\tx\n1\ta,b\n2\t\n", "n > 0", "n\tx\n1\ta,b\n2\t\n"),
        ("n|x\n1|a\n3|c", "n == 3", "n|x\n3|c\n"),
        ('"n","x"\n"1","a"\n"2","b\nb"\n', "n == 2", '"n","x"\n"2","b\nb"\n'),
        ("n,x\n\n1,a\n\n\n2,b\n", "n > 0", "n,x\n1,a\n2,b\n"),
        ("n,n,\n1,2,3\n4,5,6\n", "`n.1` == 5", "n,n,\n4,5,6\n"),
    ],
    ids=["CRLF", "BOM and semicolons", "tabs", "no last newline", "quotes", "blank lines", "names given twice"],
)
def test_result_keeps_the_input_dialect(tmp_path: Path, text: str, where: str, expected: str) -> None:
    assert transform(tmp_path, written(tmp_path, text), where=where).data.decode() == expected


def test_only_requested_columns_are_changed(tmp_path: Path) -> None:
    source = written(tmp_path, 'id,price,note\n007,1.50,"NA"\n008,2.00,\n009,,"a ""b"""\n')

    result = transform(tmp_path, source, assign={"double": "price * 2", "price": "price + 1"})

    assert result.data.decode() == (
        'id,price,note,double\n007,2.5,"NA",3.0\n008,3.0,,4.0\n009,,"a ""b""",\n'
    )  # fmt: skip


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
def test_where_treats_missing_values_as_pandas(tmp_path: Path, where: str, kept: list[str]) -> None:
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


@pytest.mark.parametrize("options", [{"columns": ["b"]}, {"assign": {"c": "b * 2"}, "columns": ["c"]}])
def test_lone_missing_value_is_a_record(tmp_path: Path, options: dict[str, Any]) -> None:
    source = written(tmp_path, "a,b\r\n1,5\r\n2,\r\n3,7\r\n")

    result = transform(tmp_path, source, **options)

    # every CSV reader skips a blank line
    assert [row[0] for row in result.rows][1] == ""
    assert result.data.count(b"\r\n") == 4
    assert b"\r\n\r\n" not in result.data


def test_text_that_needs_quotes_is_rejected_without_a_quotechar(tmp_path: Path) -> None:
    source = written(tmp_path, "a,b\nx-y,2\n")

    with pytest.raises(CsvswarmError, match=r"'x,y' cannot be written: .* quotechar is empty"):
        run_in_process(
            tmp_path, source, processor="transform", quotechar="", options={"assign": {"c": "a.str.replace('-', ',')"}}
        )


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


# -- options -----------------------------------------------------------------------------------------------------------

WRONG = [
    ({"filter": "n > 1"}, "processor transform has no option 'filter'; it takes: where, assign, columns."),
    ({"where": ["n > 1"]}, "option 'where' of processor transform is ['n > 1'], but must be of type str."),
    ({"assign": "n + 1"}, "option 'assign' of processor transform is 'n + 1', but must be of type dict."),
    ({"columns": []}, "option 'columns' of transform is an empty list"),
    ({"columns": ["n", "x"]}, "option 'columns' of transform names a column 'x', but the file has: n, price, t."),
    ({"where": "x > 1"}, "where names a column 'x', but the columns are: n, price, t."),
    ({"where": "`a b` > 1"}, "where names a column 'a b', but the columns are: n, price, t."),
    ({"assign": {"y": "z + 1"}}, "assign 'y' names a column 'z', but the columns are: n, price, t."),
    ({"assign": {"y": "z + 1", "z": "n"}}, "assign 'y' names a column 'z', but the columns are: n, price, t."),
    ({"where": "n >"}, "where cannot be read: invalid syntax, in 'n >'."),
    ({"where": "n = 1"}, "where cannot be read: "),
    ({"where": "price > price.mean()"}, "where uses .mean, which does not work row by row"),
    ({"assign": {"y": "n.cumsum()"}}, "assign 'y' uses .cumsum, which does not work row by row"),
    ({"assign": {"y": "t.str.cat()"}}, "assign 'y' uses .str.cat, which does not work row by row"),
    ({"where": "n.values > 1"}, "where uses .values, which does not work row by row"),
    ({"where": "n.__class__ == 1"}, "where uses .__class__, which does not work row by row"),
    ({"where": "max(n) > 1"}, "where calls max(), but the functions are abs, arccos,"),
    ({"where": "n[0] == 1"}, "where may only compute with columns and values: 'n[0] == 1'."),
    ({"where": "(lambda: n)()"}, "where may only compute with columns and values"),
    ({"where": "@n > 1"}, "where cannot be read: '@': expressions have columns, but no variables, in '@n > 1'."),
    ({"where": "'`' == @ast.sys.modules['os'].system('true') or '`' == ''"}, "where cannot be read: '@'"),
    ({"assign": {"y": "n - 0*n.isin(['`']) - n.mean() - 0*n.isin(['`'])"}}, "assign 'y' uses .mean, which does not"),
    ({"where": "n in price"}, "where may test membership only in a list like [1, 2]"),
    ({"where": "n not in n"}, "where may test membership only in a list like [1, 2]"),
    ({"where": "n == [price]"}, "where has a list with elements other than numbers and strings, in 'n == [price]'."),
    ({"where": "n.isin(price)"}, "where passes .isin() an argument values that is not a literal list."),
    ({"where": "[1, 2]"}, "where has a list where a column or a value is required, in '[1, 2]'."),
    ({"where": "price == None"}, "where has None, which equals no value: write x.isna(), in 'price == None'."),
    ({"where": "`n"}, "where cannot be read: an unclosed backtick, in '`n'."),
    ({"where": "t == 'it"}, "where cannot be read: an unclosed quote"),
    ({"where": "t == ''" + "'a'"}, "where cannot be read: a string directly after another"),
    ({"where": "t.str.contains(n)"}, "where passes .str.contains() an argument pat that is not a literal text of"),
    ({"where": "t.str.len > 1"}, "where must call .str.len() with parentheses, in 't.str.len > 1'."),
    ({"where": "t.dt.year() > 1"}, "where calls .dt.year: leave out the parentheses, in 't.dt.year() > 1'."),
    ({"assign": {"y": "t.str.split('-', expand=True)"}}, "assign 'y' passes .str.split() an argument expand that is"),
    ({"assign": {"y": "t.dt.tz_localize('UTC', ambiguous='infer')"}}, "assign 'y' passes .dt.tz_localize() an arg"),
    ({"assign": {"y": "n.fillna(method='ffill')"}}, "assign 'y' passes .fillna() the argument method, but it"),
    ({"assign": {"y": "n.fillna(1, n)"}}, "assign 'y' passes .fillna() 2 arguments, but it takes value."),
    ({"assign": {"y": "t.str.repeat(10**9)"}}, "assign 'y' passes .str.repeat() an argument repeats that"),
    ({"assign": {"y": "t.str.repeat(1000000)"}}, "assign 'y' passes .str.repeat() an argument repeats that"),
    ({"assign": {"y": "t.str.zfill(1000000)"}}, "assign 'y' passes .str.zfill() an argument width that is not"),
    ({"assign": {"y": "t.str.extract('(a)')"}}, "assign 'y' must pass .str.extract() the argument expand=False."),
    ({"assign": {"y": "9" * 20}}, "assign 'y' has an integer beyond 64 bits"),
    ({"assign": {"y": "9" * 5000}}, "assign 'y' cannot be read: Exceeds the limit"),
    ({"assign": {"y": "-" * 5000 + "n"}}, "assign 'y' is nested too deeply: at most 100 nested operations."),
    ({"assign": {"y": "(" * 5000 + "n" + ")" * 5000}}, "assign 'y' cannot be read: too many nested parentheses"),
    ({"assign": {"y": "n + " * 5000 + "n"}}, "assign 'y' is nested too deeply: at most 100 nested operations"),
    ({"assign": {"y": "n + " * 50000 + "n"}}, "assign 'y' has 200001 characters, but may have 50000 at most."),
    ({"assign": {"y": "n\0"}}, "assign 'y' cannot be read: "),
    ({"assign": {"y": "\ud800"}}, "assign 'y' cannot be read: "),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_invalid_option_is_reported_before_the_work(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    source = written(tmp_path, "n,price,t\n1,2.5,one\n2,3.5,two\n")

    with pytest.raises(OptionError) as raised:
        run_in_process(tmp_path, source, processor="transform", options=options)

    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"where": "n + 1"}, "where: 'n + 1' returns int64, but must return true or false for every row."),
        ({"where": "'yes'"}, "where: \"'yes'\" returns str, but must return true or false for every row."),
        ({"where": "t > 1"}, "where: 't > 1' fails: text cannot be compared with int; set the type"),
        ({"assign": {"y": "t / 2"}}, "assign 'y': 't / 2' fails: / is not defined for text and int."),
        ({"assign": {"y": "t * 1000000000"}}, "assign 'y': 't * 1000000000' fails: * is not defined for text and int."),
        ({"assign": {"y": "'a' * 10**9"}}, "assign 'y': \"'a' * 10**9\" fails: * is not defined for text and int."),
        ({"assign": {"y": "2**10**9"}}, "assign 'y': '2**10**9' fails: 1000000000 is too large an exponent."),
        ({"assign": {"y": "2**100"}}, "assign 'y': '2**100' fails: a constant grows beyond 64 bits."),
        ({"assign": {"y": "1 / 0"}}, "assign 'y': '1 / 0' fails: ZeroDivisionError: division by zero."),
        ({"assign": {"y": "log(-1)"}}, "assign 'y': 'log(-1)' fails: a constant is not a number."),
        (
            {"assign": {"y": "1 + n.str.len()"}},
            "assign 'y': '1 + n.str.len()' fails: .str.len takes text, not int.",
        ),
        ({"assign": {"y": "t.dt.year"}}, "assign 'y': 't.dt.year' fails: .dt.year takes timestamp, not text."),
        (
            {"where": "t.str.contains('(?<!o)ne')"},
            "where: \"t.str.contains('(?<!o)ne')\" fails: '(?<!o)ne' is not a pattern",
        ),
        ({"assign": {"y": "t.astype('int')"}}, "assign 'y': \"t.astype('int')\" fails: 'one' cannot be read as int."),
        (
            {"assign": {"y": "price.fillna('x')"}},
            "assign 'y': \"price.fillna('x')\" fails: .fillna() cannot store text in",
        ),
        (
            {"assign": {"y": "t" + ".str.repeat(100)" * 9}},
            "assign 'y': 't" + ".str.repeat(100)" * 9 + "' fails: a text grows beyond 1048576 bytes.",
        ),
    ],
)
def test_expression_that_fails_on_values_is_reported(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    source = written(tmp_path, "n,price,t\n1,2.5,one\n2,3.5,two\n")

    with pytest.raises(CsvswarmError) as raised:
        run_in_process(tmp_path, source, processor="transform", options=options)

    assert str(raised.value).startswith(message)

"""Options of `transform` that are wrong: one message, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from csvswarm.errors import CsvswarmError, OptionError

from tests.processors.transform_runs import written
from tests.support.jobs import run_in_process

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
def test_expression_failing_on_values_is_reported(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    source = written(tmp_path, "n,price,t\n1,2.5,one\n2,3.5,two\n")

    with pytest.raises(CsvswarmError) as raised:
        run_in_process(tmp_path, source, processor="transform", options=options)

    assert str(raised.value).startswith(message)

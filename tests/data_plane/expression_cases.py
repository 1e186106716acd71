"""Columns and expressions that tests of `transform` share: every member there is, on blocks with and without gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from csvswarm.errors import OptionError
from csvswarm.expressions import Expression
from csvswarm.text import as_arrow, canonical, kind_of
from hypothesis import strategies as st

#: Every kind of column that a file may have, as `csvswarm.frame` makes it; gaps are where a file has them.
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
        "d": pd.array(["2024-02-29", None, "2023-01-01 10:00:00", "2024-02-29", "2020-12-31", "2021-06-15"], dtype="str"),
        "at": pd.Series(
            ["2024-02-29 10:30:01.5", None, "2023-12-31", "2020-01-01 00:00:00.000001", "2024-03-31 23:59:59", "1999-07-01"],
            dtype="datetime64[us]",
        ),
        "to": pd.Series([*["2024-03-01"] * 3, None, "2020-05-01 12:00", "2024-10-27 01:30"], dtype="datetime64[us]"),
        "a column": [1, 2, 3, 4, 5, 6],
    }
)  # fmt: skip

#: At least one expression for every member.
EXAMPLES: dict[str, list[str]] = {
    **{
        name: [f"{name}(x)", f"{name}(k)", f"{name}(i)", f"{name}(k / i)"]
        for name in "sin cos tan exp log expm1 log1p sqrt sinh cosh tanh arcsin arccos arctan arccosh arcsinh arctanh abs "
        "log10 floor ceil".split()
    },
    "arctan2": ["arctan2(x, y)", "arctan2(k, x)", "arctan2(i, 2)", "arctan2(k, i)"],
    **{f".{name}": [f"{column}.{name}()" for column in ("i", "k", "x", "b", "c", "s", "at")]
       for name in ("isna", "isnull", "notna", "notnull")},
    ".isin": ["i.isin([1, 5])", "k.isin([0, 4])", "x.isin([2, 0.1])", "s.isin(['', '12'])", "b.isin([True])",
              "c.isin([False])", "k.isin([0.5, 4])", "k.isin([9007199254740993])"],
    ".between": ["i.between(0, 5)", "k.between(i, 4, inclusive='left')", "x.between(y, 3, 'neither')",
                 "s.between('1', 'b')", "at.between('2020-01-01', to)"],
    ".fillna": ["k.fillna(0)", "x.fillna(1)", "x.fillna(y)", "x.fillna(k)", "k.fillna(i)", "i.fillna(k)", "s.fillna('?')",
                "s.fillna(t)", "c.fillna(True)", "c.fillna(b)", "at.fillna('2000-01-01')", "at.fillna(to)",
                "(k / 2).fillna(0)", "(k / 2).fillna(x)", "none.fillna('-')"],
    ".round": ["x.round(1)", "i.round(-1)", "k.round()", "(k / 3).round(2)"],
    ".abs": ["x.abs()", "i.abs()", "k.abs()", "(at - to).abs()"],
    ".clip": ["i.clip(0, 4)", "i.clip(upper=3)", "k.clip(lower=i)", "x.clip(y, 100)", "i.clip(0.5)", "k.clip(1, x)",
              "x.clip(k)", "i.clip(5, 1)"],
    ".astype": ["i.astype('float')", "i.astype('str')", "k.astype('str')", "x.astype('str')", "b.astype('str')",
                "c.astype('str')", "k.astype('float')", "i.astype('bool')", "b.astype('int')", "c.astype('Int64')",
                "n.astype('int')", "n.astype('Int64')", "n.astype('float')", "d.astype('timestamp')", "k.astype('Float64')",
                "b.astype('boolean')", "at.astype('str')", "(k / 2).astype('str')", "floor(y.fillna(1)).astype('int')"],
    **{f".str.{name}": [f"s.str.{name}()", f"t.str.{name}()", f"none.str.{name}()"]
       for name in "lower upper title capitalize swapcase casefold len isalnum isalpha isascii isdecimal isdigit islower "
       "isnumeric isspace istitle isupper".split()},
    **{f".str.{name}": [f"s.str.{name}()", f"s.str.{name}('a ')", f"none.str.{name}()"]
       for name in ("strip", "lstrip", "rstrip")},
    **{f".str.{name}": [f"s.str.{name}(8)", f"s.str.{name}(7, 'é')", f"none.str.{name}(3)"]
       for name in ("center", "ljust", "rjust")},
    **{f".str.{name}": [f"s.str.{name}('a')", f"s.str.{name}('a', 1)", f"s.str.{name}('a', 1, 3)", f"none.str.{name}('a')"]
       for name in ("find", "rfind")},
    **{f".str.{name}": [f"s.str.{name}('a.*')", rf"s.str.{name}(r'A|\d+', case=False)", f"none.str.{name}('a')"]
       for name in ("match", "fullmatch")},
    **{f".str.{name}": [f"s.str.{name}('a')", f"s.str.{name}('2', na=True)", f"none.str.{name}('a')"]
       for name in ("startswith", "endswith")},
    **{f".str.{name}": [f"s.str.{name}(expand=False).str.get(0)", f"s.str.{name}('-', expand=False).str.get(2)",
                        f"none.str.{name}(expand=False).str.len()"] for name in ("partition", "rpartition")},
    ".str.contains": ["s.str.contains('a')", r"s.str.contains('A\\b', False)", "s.str.contains('.', regex=False)",
                      "s.str.contains('a', na=True)", "none.str.contains('a')", "s.str.contains('^a|2$')"],
    ".str.removeprefix": ["s.str.removeprefix('a')", "none.str.removeprefix('a')"],
    ".str.removesuffix": ["s.str.removesuffix('a ')", "none.str.removesuffix('a')"],
    ".str.slice": ["s.str.slice(1, 3)", "s.str.slice(-2)", "s.str.slice(None, None, -1)", "none.str.slice(1)"],
    ".str.slice_replace": ["s.str.slice_replace(1, 2, '__')", "s.str.slice_replace(1)", "none.str.slice_replace(0, 1)"],
    ".str.replace": ["s.str.replace('a', 'o')", r"s.str.replace('[a-c]', r'<\\g>', regex=False)",
                     r"s.str.replace('([a-c])', r'<\1>', regex=True)", "s.str.replace('a', '', n=1)",
                     "s.str.replace('A', 'z', case=False, regex=True)", "none.str.replace('a', 'b')"],
    ".str.repeat": ["s.str.repeat(3)", "s.str.repeat(0)", "none.str.repeat(2)"],
    ".str.pad": ["s.str.pad(8)", "s.str.pad(8, side='both', fillchar='*')", "s.str.pad(6, 'right')", "none.str.pad(2)"],
    ".str.zfill": ["s.str.zfill(6)", "n.str.zfill(4)", "none.str.zfill(3)"],
    ".str.get": ["s.str.get(0)", "s.str.get(-1)", "s.str.split('-').str.get(1)", "s.str.split().str.get(-1)",
                 "none.str.get(0)", "none.str.split('-').str.get(0)"],
    ".str.normalize": ["s.str.normalize('NFD')", "none.str.normalize('NFC')"],
    ".str.count": ["s.str.count('a')", r"s.str.count('[a-z]+')", "none.str.count('a')"],
    ".str.extract": [r"s.str.extract('(\\d)', expand=False)", r"s.str.extract(r'\((?:x)|([a-c] b)', expand=False)",
                     "none.str.extract('(a)', expand=False)", "s.str.extract('(?P<who>a)', expand=False)"],
    ".str.split": ["s.str.split().str.len()", "s.str.split('a').str.len()", "s.str.split('[ab]').str.join('/')",
                   "s.str.split(' ', n=1).str.get(1)", "none.str.split().str.len()"],
    ".str.rsplit": ["s.str.rsplit(n=1).str.get(0)", "s.str.rsplit('-').str.len()", "none.str.rsplit('-').str.len()"],
    ".str.join": ["s.str.split('a').str.join('+')", "none.str.split('a').str.join('+')"],
    **{f".dt.{name}": [f"at.dt.{name}", f"to.dt.{name}"] for name in
       "year month day hour minute second microsecond nanosecond dayofweek day_of_week weekday dayofyear day_of_year "
       "quarter days_in_month daysinmonth is_month_start is_month_end is_quarter_start is_quarter_end is_year_start "
       "is_year_end is_leap_year date time".split()},
    **{f".dt.{name}": [f"(at - to).dt.{name}"] for name in "days seconds microseconds nanoseconds total_seconds()".split()},
    **{f".dt.{name}": [f"at.dt.{name}()"] for name in ("normalize", "day_name", "month_name")},
    **{f".dt.{name}": [f"at.dt.{name}('h')", f"at.dt.{name}('15min')"] for name in ("floor", "ceil", "round")},
    ".dt.strftime": ["at.dt.strftime('%Y/%m')"],
    ".dt.tz_localize": ["at.dt.tz_localize('UTC')", "to.dt.tz_localize('Europe/Berlin', ambiguous='NaT')",
                        "at.dt.tz_localize('Europe/Berlin', nonexistent='shift_forward')",
                        "at.dt.tz_localize('UTC').dt.tz_localize(None)"],
    ".dt.tz_convert": ["at.dt.tz_localize('UTC').dt.tz_convert('America/New_York')"],
}  # fmt: skip
EXAMPLES = {name.removesuffix("()"): texts for name, texts in EXAMPLES.items()}

#: What no member does: operators and constants.
OPERATORS = [
    "i + j", "k - i", "x * k", "i / j", "k / i", "(i + j) / k", "i // 2", "i // j", "k % 3", "i % (j - 2)", "x // y",
    "x % 0", "i // 0", "i // (j * 0)", "k // k", "2 ** k.clip(0, 9)", "k ** k.clip(0, 3)", "7 % i", "x ** 2", "i ** 2", "k ** 2", "2 ** y", "-k", "+x", "b * 2", "c * 2", "b + k",
    "i < 3", "k >= 0", "x != y", "k == x", "b == True", "c != b", "0 < i < 6", "0 <= k <= x < 9", "s == 'a b-c'", "s != t",
    "s < t", "t >= 'b'", "at < to", "at >= '2024-01-01'", "at - to > '1 day'", "at + (to - at)", "(at - to) / (to - at)",
    "i > 0 and x > 0", "i > 0 & x > 0", "b | c", "c & (k > 0) | not b", "~c", "not (k > 0)", "i in [1, 5]",
    "k not in (0, 4)", "s in ['', '12']", "t == ['a', 'b']", "s != ['12']", "t in 'b'", "at in ['2023-12-31']", "s + '-' + t",
    "'<' + none + '>'", "3", "2.5", "True", "'text'", "1 + 2 * 3 == 7", "`a column` * 2", "sqrt(2) * i", "i + 2 ** 40",
]  # fmt: skip


def every_example() -> list[str]:
    return [*OPERATORS, *(text for texts in EXAMPLES.values() for text in texts)]


# -- random expressions ------------------------------------------------------------------------------------------------

_leaves = st.sampled_from(
    [*(name if name.isidentifier() else f"`{name}`" for name in FRAME), "0", "1", "-2", "2.5", "'a'", "'`'", "True", "[1, 2]",
     "['a', '`']", "'2024-01-01'", "1e300"]
)  # fmt: skip
_calls = [
    *(text.replace(name, "{0}", 1) for texts in EXAMPLES.values() for text in texts for name in ("s", "k")
      if text.startswith(f"{name}.")),
    *(text.replace("at.", "{0}.", 1) for texts in EXAMPLES.values() for text in texts if text.startswith("at.")),
    "sqrt({0})", "log({0})", "abs({0})", "not {0}", "-{0}", "~{0}", "({0}).astype('str')", "({0}).astype('float')",
    "({0}).isna()",
    # and what must be refused
    "{0}.mean()", "{0}.shift(1)", "{0}.rank()", "{0}[0]", "{0}.str.cat()", "@{0}", "{0}.values", "{0}.isin({0})",
    "{0}.str.get_dummies()", "(lambda: {0})()", "{0}.dt.tz_localize('UTC', ambiguous='infer')", "{0}.str.split(expand=True)",
]  # fmt: skip
_signs = "+ - * / // % ** < <= > >= == != and or & | in".split() + ["not in"]
expressions = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(_signs), inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(st.sampled_from(_calls), inner).map(lambda parts: parts[0].replace("{0}", f"({parts[1]})")),
    ),
    max_leaves=6,
)

#: Pieces of what an attacker would write, in any order.
PIECES = (
    "`", "'", '"', "@", "ast", ".sys", ".modules", "['os']", ".system", "('true')", "__import__", "__class__", "lambda: 0",
    "i", "s", " == ", " & ", " | ", " not ", "(", ")", "[", "]", "{", "}", ":", ":=", ",", "#", "\\", "\n", "\0", "\ud800",
    "b''", "0x1F", "1_0", "1j", "...", "a column", ".str", ".dt", ".isin", ".astype", ".eval", ".query", ".apply", ".map",
    "*", "**", "--", "~", "if i else s", "for i in s", "await ", "yield ", "9" * 30, "1e999", "None", "f'{i}'", ".pipe",
)  # fmt: skip
expression_text = st.one_of(st.text(max_size=30), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


def as_seen(values: Any) -> list[Any]:
    """Return the values of a column so that they can be compared, missing ones as None, -0.0 apart from 0.0."""
    return [None if pd.isna(value) else repr(float(value)) if isinstance(value, float) else value for value in values]


def outcome(text: str, parts: list[pd.DataFrame]) -> tuple[set[str], list[Any]] | None:
    """Return (the dtypes, the texts that are written) over blocks, None when the expression is refused."""
    try:
        expression = Expression(text, list(FRAME), "it")
        values = [expression.value(part) for part in parts]
    except OptionError:
        return None
    arrays = [as_arrow(value) for value in values]
    return {str(value.dtype) for value in values}, [
        text for array in arrays for text in canonical(array, kind_of(array)).to_pylist()
    ]


#: What may follow an expression: the dtype shows in every one of them.
AFTER = ["({0}).astype('str')", "({0}) == ({0})", "({0}) + ({0})", "({0}).isna()"]


def blocks(size: int) -> list[pd.DataFrame]:
    return [FRAME.iloc[start : start + size] for start in range(0, len(FRAME), size)]


def assert_same_in_any_blocks(text: str) -> None:
    """The expression, and what may follow it, is refused or the same in blocks of 1, 2 and 5 rows, or of none."""
    whole = outcome(text, [FRAME])
    for size in (1, 2, 5):
        assert outcome(text, [*blocks(size), FRAME.iloc[:0]]) == whole
    if whole is None:
        return
    for after in (pattern.format(text) for pattern in AFTER):
        assert outcome(after, blocks(1)) == outcome(after, [FRAME]), after

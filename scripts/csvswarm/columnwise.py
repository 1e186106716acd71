"""Methods of columns, `.str` and `.dt`, on Series of pandas, with dtypes that are the same in every block.

What pandas makes of texts and dates has another dtype where a block has missing values, or nothing else: float64 for
int64, object for str. Here integers are Int64, truths bool (a missing text is False), texts str, whatever is missing.
Patterns are matched by RE2, in a time that grows with the text alone.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .arithmetic import NUMBERS, apply, is_constant, is_plain, kind_of
from .errors import OptionError
from .lean import with_pandas
from .members import DATE_NUMBERS, DATE_TESTS, DTYPES, DURATION_NUMBERS, TEXT_TESTS
from .schema import Values
from .text import as_arrow, canonical

Series = Any  # pd.Series of any dtype

#: Bytes of a text: what grows beyond that is a mistake, or meant to fill the memory.
MAX_BYTES = 2**20
_MOMENT = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?)?)?")
_ZONE = re.compile(r"UTC|[A-Z][A-Za-z_]*(/[A-Z][A-Za-z0-9_+-]*){1,2}")
_FREQUENCY = re.compile(r"\d{0,9}(D|h|min|s|ms|us)")
_PARTS = re.compile(r"\\.|\[\^?\]?(?:[^\]\\]|\\.)*\]|\(\?P<|\(\?|.", re.DOTALL)
_NEW_NAMES = {
    "dayofweek": "day_of_week", "weekday": "day_of_week", "dayofyear": "day_of_year", "daysinmonth": "days_in_month",
}  # fmt: skip
_DIRECTIVES = re.compile(r"([^%]|%-?[aAwdbBmyYHIMSfpzZjUWuGV]|%%)*")


def call(name: str, values: list[Any], literals: dict[str, Any]) -> Series:
    """Return what a member of `MEMBERS` makes of a column. values: the column, and the arguments that are values."""
    _, *path = name.split(".")
    series, *others = values
    kind = kind_of(series)
    if path[0] == "str":
        if kind not in ("text", "pieces") or (kind == "pieces") != (path[1] in ("join",)) and path[1] not in (
            "get", "len",
        ):  # fmt: skip
            raise OptionError(f"{name} takes {'lists of texts' if path[1] == 'join' else 'texts'}, and not {kind}")
        return (_of_pieces if kind == "pieces" else _of_text)(path[1], series, literals)
    if path[0] == "dt":
        durations = (*DURATION_NUMBERS, "total_seconds")
        if kind != ("duration" if path[1] in durations else "timestamp"):
            raise OptionError(f"{name} takes {'durations' if path[1] in durations else 'timestamps'}, and not {kind}")
        return _of_time(path[1], series, literals)
    if kind == "pieces":
        raise OptionError(f"{name} takes no lists of texts: choose one with .str.get()")
    return _METHODS[path[0]](series, *others, **literals)


# -- what arithmetic asks for ------------------------------------------------------------------------------------------


def bounded_texts(series: Series) -> Series:
    """Return texts, none of which is longer than `MAX_BYTES`."""
    if (pc.max(pc.binary_length(_arrow(series))).as_py() or 0) > MAX_BYTES:
        raise OptionError(f"a text grows beyond {MAX_BYTES} bytes")
    return series


def integers_divided(op: Callable[[Any, Any], Any], left: Any, right: Any) -> Series:
    """Return integers divided by integers, missing where the divisor is zero."""
    divisor = right if hasattr(right, "index") else pd.Series(right, index=left.index)
    undefined = divisor.isna() | (divisor == 0).fillna(value=False).astype(bool)
    # what stands under a gap counts for pandas: it must not be a zero
    quotient = op(left, divisor.astype("Int64").mask(undefined, 1).astype("int64"))
    return quotient.astype("Int64").mask(undefined)


def raised(left: Any, right: Series) -> Series:
    """Return integers to the power of integers that may be missing; 1 is 1 whatever the power."""
    power = left ** right.fillna(1).astype("int64")
    return power.astype("Int64").mask(right.isna() & (power != 1).fillna(value=True).astype(bool))


def moment(text: str, like: Series) -> Any:
    """Return the timestamp or duration that a text stands for beside a column of them."""
    if kind_of(like) == "duration":
        value = pd.Timedelta(text)
        if value is pd.NaT:
            raise OptionError(f"{text!r} is no duration")
        return value
    if not _MOMENT.fullmatch(text):
        raise OptionError(f"{text!r} is no timestamp: write 2024-02-29 or 2024-02-29 10:00:00")
    date, time = text[:10] + "-01"[: 10 - len(text)] * (len(text) < 10), text[10:]
    date = f"{text}-01-01"[:10] if len(text) == 4 else f"{text}-01" if len(text) == 7 else date
    value = pd.Timestamp(dt.datetime.fromisoformat(date + time))
    zone = like.dt.tz
    return value.tz_localize(zone) if zone is not None and value.tz is None else value


def _arrow(series: Series) -> pa.Array:
    with_pandas()
    array = pa.array(series.array, from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _series(array: pa.Array, like: Series, dtype: Any) -> Series:
    """Return an Arrow array as a column beside another one."""
    if isinstance(dtype, np.dtype):
        return pd.Series(array.to_numpy(zero_copy_only=False).astype(dtype), index=like.index)
    return pd.Series(dtype.__from_arrow__(array), index=like.index)


def _texts(array: pa.Array, like: Series) -> Series:
    return _series(array.cast(pa.large_string()), like, pd.StringDtype(na_value=np.nan))


def _integers(array: pa.Array, like: Series) -> Series:
    return _series(array.cast(pa.int64()), like, pd.Int64Dtype())


def _truths(array: pa.Array, like: Series, na: bool | None = None) -> Series:
    return _series(pc.fill_null(array, bool(na)), like, np.dtype(bool))


def _pieces(array: pa.Array, like: Series) -> Series:
    array = array.cast(pa.large_list(pa.large_string()))
    return pd.Series(pd.array(array, dtype=pd.ArrowDtype(array.type)), index=like.index)


def _from_rows(rows: Series, like: Series) -> Series:
    """Return lists of texts, or NaN, as pandas makes them."""
    return _pieces(pa.array([None if isinstance(row, float) else row for row in rows], pa.list_(pa.string())), like)


# -- methods -----------------------------------------------------------------------------------------------------------


def _isin(series: Series, values: tuple[Any, ...]) -> Series:
    kind = kind_of(series)
    fitting = {"text": str, "timestamp": str, "duration": str, "bool": bool}.get(kind, (int, float))
    if not all(isinstance(value, fitting) and (kind == "bool" or not isinstance(value, bool)) for value in values):
        raise OptionError(f"a column of {kind} is looked for in a list of something else: {list(values)!r:.200}")
    if kind in ("timestamp", "duration"):
        found = pd.Series(np.zeros(len(series), bool), index=series.index)
        for value in values:
            found |= series == moment(value, series)
        return found
    if kind in NUMBERS and {type(value) for value in values} == {int, float}:
        values = tuple(float(value) for value in values)
    return series.isin(values)


def _between(series: Series, left: Any, right: Any, inclusive: str) -> Series:
    signs = (">=" if inclusive in ("both", "left") else ">"), ("<=" if inclusive in ("both", "right") else "<")
    return apply("compare", [series, left], {"operators": signs[:1]}) & apply(
        "compare", [series, right], {"operators": signs[1:]}
    )


def _fillna(series: Series, value: Any) -> Series:
    kind, given = kind_of(series), kind_of(value)
    if kind in ("timestamp", "duration") and isinstance(value, str):
        value, given = moment(value, series), kind
    if (kind, given) == ("float", "int"):
        value, given = float(value) if is_constant(value) else value.astype(_wide(value)), kind
    if kind != given:
        raise OptionError(f".fillna() cannot put {given} into a column of {kind}: bring it to one type with .astype()")
    if not is_constant(value) and hasattr(value, "dtype") and value.dtype != series.dtype:
        if not is_plain(series):
            value = value.astype(series.dtype)
        elif kind != "float":
            return series  # a column of int64 or bool has no gap
        else:
            value = value.astype("float64")
    return series.where(series.notna(), value)


def _wide(series: Series) -> str:
    return "float64" if is_plain(series) else "Float64"


def _clip(series: Series, lower: Any, upper: Any) -> Series:
    given = [bound for bound in (lower, upper) if bound is not None]
    kinds = {kind_of(value) for value in (series, *given)}
    if not kinds <= set(NUMBERS):
        raise OptionError(f".clip() takes numbers, and not {', '.join(sorted(kinds))}")
    nullable = any(not is_constant(value) and not is_plain(value) for value in (series, *given))
    dtype = ("Float64" if nullable else "float64") if "float" in kinds else ("Int64" if nullable else "int64")
    if len(given) == 2 and all(map(is_constant, given)):
        lower, upper = sorted(given)  # as pandas does
    series = series.astype(dtype)
    for bound, sign in ((lower, "<"), (upper, ">")):
        if bound is None:
            continue
        limit = pd.Series(bound, index=series.index, dtype=dtype) if is_constant(bound) else bound.astype(dtype)
        beyond = apply("compare", [series, limit], {"operators": (sign,)})
        series = series.mask(beyond.fillna(value=False).astype(bool), limit)
    return series


def _round(series: Series, decimals: int) -> Series:
    if kind_of(series) not in NUMBERS:
        raise OptionError(f".round() takes numbers, and not {kind_of(series)}")
    return series.round(decimals)


def _abs(series: Series) -> Series:
    if kind_of(series) not in (*NUMBERS, "duration"):
        raise OptionError(f".abs() takes numbers, and not {kind_of(series)}")
    return series.abs()


def _astype(series: Series, dtype: str) -> Series:
    kind, wanted = kind_of(series), DTYPES[dtype]
    if wanted == "str":
        return series if kind == "text" else _texts(canonical(as_arrow(series), kind), series)
    if kind == "text" and wanted not in ("bool", "boolean"):
        return _read(series, wanted)
    if wanted == "timestamp" and kind == "timestamp":
        return series
    if kind not in (*NUMBERS, "bool") or wanted == "timestamp":
        raise OptionError(f".astype({dtype!r}) has no meaning for a column of {kind}")
    return series.astype(wanted)


def _read(series: Series, wanted: str) -> Series:
    """Return texts as values, read as column_types would have them."""
    kind = {"int64": "int", "Int64": "int", "float64": "float", "Float64": "float"}.get(wanted, wanted)
    text = _arrow(series).cast(pa.string())
    reader = Values()
    values = reader.convert(text, kind, fixed=True)
    if values is None:
        wrong = text.filter(pa.array(reader.misfits(text, kind)))[0].as_py()
        raise OptionError(f"{wrong!r} cannot be read as {kind}")
    if kind == "int":
        return _integers(values, series)
    if kind == "float":
        return _series(values, series, np.dtype("float64") if wanted == "float64" else pd.Float64Dtype())
    return pd.Series(values.to_pandas().array, index=series.index)


_METHODS: dict[str, Callable[..., Series]] = {
    **{name: (lambda series, name=name: getattr(series, name)()) for name in ("isna", "isnull", "notna", "notnull")},
    "isin": _isin, "between": _between, "fillna": _fillna, "round": _round, "abs": _abs, "clip": _clip,
    "astype": _astype,
}  # fmt: skip


# -- texts -------------------------------------------------------------------------------------------------------------


def _of_text(name: str, series: Series, given: dict[str, Any]) -> Series:
    if name in _PATTERNS:
        return _PATTERNS[name](series, **given)
    result = getattr(series.str, name)(**given)
    if name in ("len", "find", "rfind"):
        return result.astype("Int64")
    if name in TEXT_TESTS:
        return result.astype(bool)
    result = result.astype("str")
    return bounded_texts(result) if name in ("repeat", "slice_replace") else result


def _pattern(pat: str, case: bool = True) -> str:
    """Return a pattern that RE2 takes. Raises OptionError for others."""
    pattern = pat if case else f"(?i){pat}"
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        raise OptionError(
            f"{pat!r} is no pattern of RE2, which has no lookaround and no references: {error}"
        ) from error
    return pattern


def _contains(series: Series, pat: str, case: bool, flags: int, na: bool | None, regex: bool = True) -> Series:
    del flags
    text = _arrow(series)
    if regex:
        return _truths(pc.match_substring_regex(text, _pattern(pat, case)), series, na)
    return _truths(pc.match_substring(text, pat, ignore_case=not case), series, na)


def _match(series: Series, pat: str, case: bool, flags: int, na: bool | None) -> Series:
    _pattern(pat)
    return _contains(series, f"^(?:{pat})", case, flags, na)


def _fullmatch(series: Series, pat: str, case: bool, flags: int, na: bool | None) -> Series:
    _pattern(pat)
    return _contains(series, rf"^(?:{pat})\z", case, flags, na)


def _starts(series: Series, pat: str, na: bool | None) -> Series:
    return _truths(pc.starts_with(_arrow(series), pat), series, na)


def _ends(series: Series, pat: str, na: bool | None) -> Series:
    return _truths(pc.ends_with(_arrow(series), pat), series, na)


def _replace(series: Series, pat: str, repl: str, n: int, case: bool, flags: int, regex: bool) -> Series:
    del flags
    most = {"max_replacements": n} if n >= 0 else {}
    text = _arrow(series)
    if regex or not case:
        pattern = _pattern(pat if regex else re.escape(pat), case)
        replacement = repl if regex else repl.replace("\\", "\\\\")
        text = pc.replace_substring_regex(text, pattern, replacement, **most)
    else:
        text = pc.replace_substring(text, pat, repl, **most)
    return bounded_texts(_texts(text, series))


def _count(series: Series, pat: str, flags: int) -> Series:
    del flags
    return _integers(pc.count_substring_regex(_arrow(series), _pattern(pat)), series)


def _extract(series: Series, pat: str, flags: int, expand: bool) -> Series:
    del flags, expand
    parts = _PARTS.findall(pat)
    if sum(part in ("(", "(?P<") for part in parts) != 1:
        raise OptionError(f".str.extract() takes a pattern with one group, and not {pat!r}")
    named = "".join("(?P<it>" if part == "(" else part for part in parts)
    return _texts(pc.struct_field(pc.extract_regex(_arrow(series), _pattern(named)), [0]), series)


def _split(series: Series, pat: str | None, n: int, expand: bool, regex: bool | None = None) -> Series:
    del expand
    if not pat:
        return _from_rows(series.str.split(n=n), series)
    most = {"max_splits": n} if n > 0 else {}
    if regex or (regex is None and len(pat) > 1):
        return _pieces(pc.split_pattern_regex(_arrow(series), _pattern(pat), **most), series)
    return _pieces(pc.split_pattern(_arrow(series), pat, **most), series)


def _rsplit(series: Series, pat: str | None, n: int, expand: bool) -> Series:
    del expand
    if not pat:
        return _from_rows(series.str.rsplit(n=n), series)
    most = {"max_splits": n} if n > 0 else {}
    return _pieces(pc.split_pattern(_arrow(series), pat, reverse=True, **most), series)


def _partition(series: Series, sep: str, expand: bool) -> Series:
    return _from_rows(series.str.partition(sep, expand=expand), series)


def _rpartition(series: Series, sep: str, expand: bool) -> Series:
    return _from_rows(series.str.rpartition(sep, expand=expand), series)


_PATTERNS: dict[str, Callable[..., Series]] = {
    "contains": _contains, "match": _match, "fullmatch": _fullmatch, "startswith": _starts, "endswith": _ends,
    "replace": _replace, "count": _count, "extract": _extract, "split": _split, "rsplit": _rsplit,
    "partition": _partition, "rpartition": _rpartition,
}  # fmt: skip


def _of_pieces(name: str, series: Series, given: dict[str, Any]) -> Series:
    array = _arrow(series)
    if name == "len":
        return _integers(pc.list_value_length(array), series)
    if name == "join":
        return bounded_texts(_texts(pc.binary_join(array, pa.scalar(given["sep"], pa.large_string())), series))
    offsets = np.asarray(array.offsets)
    place = given["i"] + (offsets[:-1] if given["i"] >= 0 else offsets[1:])
    there = (place >= offsets[:-1]) & (place < offsets[1:]) & np.asarray(array.is_valid())
    return _texts(array.values.take(pa.array(place, mask=~there)), series)


# -- dates -------------------------------------------------------------------------------------------------------------


def _of_time(name: str, series: Series, given: dict[str, Any]) -> Series:
    dates = series.dt
    if name in (*DATE_NUMBERS, *DURATION_NUMBERS):
        return getattr(dates, _NEW_NAMES.get(name, name)).astype("Int64")
    if name in DATE_TESTS:
        return getattr(dates, name).astype(bool)
    if name in ("date", "time"):
        text = canonical(as_arrow(dates.tz_localize(None)), "timestamp")
        return _texts(pc.utf8_slice_codeunits(text, *((0, 10) if name == "date" else (11, 100))), series)
    if name == "strftime" and not _DIRECTIVES.fullmatch(given["date_format"]):
        raise OptionError(f"{given['date_format']!r} has a directive that is not the same on every machine")
    if name in ("floor", "ceil", "round") and not _FREQUENCY.fullmatch(given["freq"]):
        raise OptionError(f".dt.{name}() takes a number of D, h, min, s, ms or us, and not {given['freq']!r}")
    if given.get("tz") and not _ZONE.fullmatch(given["tz"]):
        raise OptionError(f"{given['tz']!r} is no time zone: write UTC or Europe/Berlin")
    result = getattr(dates, name)(**given)
    return result.astype("str") if name in ("strftime", "day_name", "month_name") else result

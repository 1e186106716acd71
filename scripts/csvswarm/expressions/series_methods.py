"""The methods of columns and the members of `.dt`, on pandas Series, with the same dtypes in every block.

pandas returns a different dtype for a block with missing values, such as float64 instead of int32 for `.dt.year`. Here
integers are Int64, booleans bool and texts str in all blocks. Nothing depends on the machine or its clock.
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

from csvswarm.csv_format.canonical_text import as_arrow, to_canonical_text
from csvswarm.errors import OptionError
from csvswarm.expressions.members import DATE_NUMBERS, DATE_TESTS, DTYPES, DURATION_NUMBERS
from csvswarm.expressions.numpy_eval import NUMBERS, compare, is_constant, is_plain, kind_of
from csvswarm.expressions.string_methods import (
    Series,
    call_on_lists,
    call_on_texts,
    from_arrow,
    integers,
    texts,
    to_arrow,
)
from csvswarm.reading.mismatched_values import mismatched_values
from csvswarm.types.conversion import TextConverter

#: Timestamps, time zones, frequencies and directives with the same meaning on every machine at any time.
_MOMENT = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?)?)?")
_ZONE = re.compile(r"UTC|[A-Z][A-Za-z_]*(/[A-Z][A-Za-z0-9_+-]*){1,2}")
_FREQUENCY = re.compile(r"\d{0,9}(D|h|min|s|ms|us)")
_NEW_NAMES = {
    "dayofweek": "day_of_week", "weekday": "day_of_week", "dayofyear": "day_of_year", "daysinmonth": "days_in_month",
}  # fmt: skip
_DIRECTIVES = re.compile(r"([^%]|%-?[aAwdbBmyYHIMSfpzZjUWuGV]|%%)*")


def call(name: str, values: list[Any], literals: dict[str, Any]) -> Series:
    """Call one of `MEMBERS` on a column. values: the column, then the arguments that may be columns."""
    series, *others = values
    kind = kind_of(series)
    *accessor, member = name[1:].split(".")
    if accessor == ["dt"]:
        wanted = "duration" if member in (*DURATION_NUMBERS, "total_seconds") else "timestamp"
        function: Callable[..., Series] = _call_on_dates
    elif accessor == ["str"]:
        wanted = "list" if member == "join" or (kind == "list" and member in ("get", "len")) else "text"
        function = call_on_lists if wanted == "list" else call_on_texts
    else:
        if kind == "list":
            raise OptionError(f"{name} does not take lists: choose an element with .str.get()")
        return _METHODS[member](series, *others, **literals)
    if kind != wanted:
        raise OptionError(f"{name} takes {wanted}, not {kind}")
    return function(member, series, literals)


# -- operators ---------------------------------------------------------------------------------------------------------


def integers_divided(op: Callable[[Any, Any], Any], left: Any, right: Any) -> Series:
    """Return integers divided by integers, missing where the divisor is zero."""
    divisor = right if hasattr(right, "index") else pd.Series(right, index=left.index)
    undefined = divisor.isna() | (divisor == 0).fillna(value=False).astype(bool)
    # pandas also divides by the values under the mask: a zero there would make the result float
    quotient = op(left, divisor.astype("Int64").mask(undefined, 1).astype("int64"))
    return quotient.astype("Int64").mask(undefined)


def raised(left: Any, right: Series) -> Series:
    """Return integers to the power of integers, either possibly missing; 1 to any power is 1."""
    power = left ** right.fillna(1).astype("int64")
    return power.astype("Int64").mask(right.isna() & (power != 1).fillna(value=True).astype(bool))


def moment(text: str, like: Series) -> Any:
    """Return a text as a timestamp or duration, to match a column of that kind."""
    if kind_of(like) == "duration":
        duration = pd.Timedelta(text)
        if pd.isna(duration):
            raise OptionError(f"{text!r} is not a duration")
        return duration
    if not _MOMENT.fullmatch(text):
        raise OptionError(f"{text!r} is not a timestamp: write 2024-02-29 or 2024-02-29 10:00:00")
    date = text[:10] + "-01-01"[max(len(text) - 4, 0) :]
    timestamp = pd.Timestamp(dt.datetime.fromisoformat(date + text[10:]))
    zone = like.dt.tz
    return timestamp.tz_localize(zone) if zone is not None and timestamp.tz is None else timestamp


# -- methods -----------------------------------------------------------------------------------------------------------


def _isin(series: Series, values: tuple[Any, ...]) -> Series:
    kind = kind_of(series)
    fitting = {"text": str, "timestamp": str, "duration": str, "bool": bool}.get(kind, (int, float))
    if not all(isinstance(value, fitting) and (kind == "bool" or not isinstance(value, bool)) for value in values):
        raise OptionError(f"a column of {kind} has no such values: {list(values)!r:.200}")
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
    return compare(signs[0], series, left) & compare(signs[1], series, right)


def _fillna(series: Series, value: Any) -> Series:
    kind = kind_of(series)
    if kind in ("timestamp", "duration") and isinstance(value, str):
        filling = moment(value, series)
        if kind == "timestamp" and (filling.tz is None) != (series.dt.tz is None):
            raise OptionError(f".fillna() cannot store {value!r} in a column of {series.dtype}")
        return series.where(series.notna(), filling)
    if kind_of(value) != kind and (kind, kind_of(value)) != ("float", "int"):
        raise OptionError(f".fillna() cannot store {kind_of(value)} in a column of {kind}: use .astype() first")
    if kind in ("int", "bool") and is_plain(series):
        return series  # such a column has no missing value in the whole file
    if is_constant(value):
        return series.where(series.notna(), float(value) if kind == "float" else value)
    if kind == "timestamp" and value.dtype != series.dtype:
        raise OptionError(f".fillna() cannot store {value.dtype} in a column of {series.dtype}")
    return series.where(series.notna(), value.astype(series.dtype))


def _clip(series: Series, lower: Any, upper: Any) -> Series:
    given = [bound for bound in (lower, upper) if bound is not None]
    kinds = {kind_of(value) for value in (series, *given)}
    if not kinds <= set(NUMBERS):
        raise OptionError(f".clip() takes numbers, not {', '.join(sorted(kinds))}")
    nullable = any(not is_constant(value) and not is_plain(value) for value in (series, *given))
    dtype = ("Float64" if nullable else "float64") if "float" in kinds else ("Int64" if nullable else "int64")
    if len(given) == 2 and all(map(is_constant, given)):
        lower, upper = sorted(given)  # as pandas does
    series = series.astype(dtype)
    for bound, sign in ((lower, "<"), (upper, ">")):
        if bound is None:
            continue
        limit = pd.Series(bound, index=series.index, dtype=dtype) if is_constant(bound) else bound.astype(dtype)
        beyond = compare(sign, series, limit)
        series = series.mask(beyond.fillna(value=False).astype(bool), limit)
    return series


def _round(series: Series, decimals: int) -> Series:
    if kind_of(series) not in NUMBERS:
        raise OptionError(f".round() takes numbers, not {kind_of(series)}")
    return series.round(decimals)


def _abs(series: Series) -> Series:
    if kind_of(series) not in (*NUMBERS, "duration"):
        raise OptionError(f".abs() takes numbers, not {kind_of(series)}")
    return series.abs()


def _astype(series: Series, dtype: str) -> Series:
    kind, wanted = kind_of(series), DTYPES[dtype]
    if wanted == "str":
        return series if kind == "text" else texts(to_canonical_text(as_arrow(series), kind), series)
    if kind == "text" and wanted not in ("bool", "boolean"):
        return _read(series, wanted)
    if wanted == "timestamp" and kind == "timestamp":
        return series
    if kind not in (*NUMBERS, "bool") or wanted == "timestamp":
        raise OptionError(f".astype({dtype!r}) is not defined for a column of {kind}")
    if kind == "float" and wanted in ("int64", "Int64") and ((series >= 2.0**63) | (series < -(2.0**63))).any():
        raise OptionError("a number is beyond 64 bits")  # undefined behaviour in C
    return series.astype(wanted)


def _read(series: Series, wanted: str) -> Series:
    """Return texts converted to values, as column_types does."""
    kind = {"int64": "int", "Int64": "int", "float64": "float", "Float64": "float"}.get(wanted, wanted)
    text = to_arrow(series).cast(pa.string())
    reader = TextConverter()
    values = reader.convert(text, kind, declared=True)
    if values is None:
        wrong = text.filter(pa.array(mismatched_values(reader, text, kind)))[0].as_py()
        raise OptionError(f"{wrong!r} cannot be read as {kind}")
    if kind == "int":
        return integers(values, series)
    if kind == "float":
        return from_arrow(values, series, np.dtype("float64") if wanted == "float64" else pd.Float64Dtype())
    return pd.Series(values.to_pandas().array, index=series.index)


_METHODS: dict[str, Callable[..., Series]] = {
    **dict.fromkeys(("isna", "isnull"), pd.isna),
    **dict.fromkeys(("notna", "notnull"), pd.notna),
    "isin": _isin,
    "between": _between,
    "fillna": _fillna,
    "round": _round,
    "abs": _abs,
    "clip": _clip,
    "astype": _astype,
}


# -- dates -------------------------------------------------------------------------------------------------------------


def _call_on_dates(name: str, series: Series, given: dict[str, Any]) -> Series:
    dates = series.dt
    if name in (*DATE_NUMBERS, *DURATION_NUMBERS):
        return getattr(dates, _NEW_NAMES.get(name, name)).astype("Int64")
    if name in DATE_TESTS:
        return getattr(dates, name).astype(bool)
    if name in ("date", "time"):
        text = to_canonical_text(as_arrow(dates.tz_localize(None)), "timestamp")
        return texts(pc.utf8_slice_codeunits(text, *((0, 10) if name == "date" else (11, 100))), series)
    if name == "strftime" and not _DIRECTIVES.fullmatch(given["date_format"]):
        raise OptionError(f"{given['date_format']!r} has a directive that depends on the machine")
    if name in ("floor", "ceil", "round") and not _FREQUENCY.fullmatch(given["freq"]):
        raise OptionError(f".dt.{name}() takes a number of D, h, min, s, ms or us, not {given['freq']!r}")
    if given.get("tz") and not _ZONE.fullmatch(given["tz"]):
        raise OptionError(f"{given['tz']!r} is not a time zone: write UTC or Europe/Berlin")
    result = getattr(dates, name)(**given)
    return result.astype("str") if name in ("strftime", "day_name", "month_name") else result

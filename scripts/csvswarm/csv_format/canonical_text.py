"""The canonical text of values (docs/format.md).

A value has one text, whichever block, worker or machine writes it: an integer its digits, a float the shortest text
that reads back to it (Python's repr: 1.0, 1e-05, inf), a boolean True or False, a timestamp YYYY-MM-DD HH:MM:SS with
a fraction only if it has one, a missing value the empty text. Text is quoted only where necessary.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from csvswarm.runtime.lazy_imports import enable_pandas, np, pa, pc
from csvswarm.types.schema import NULL_VALUES

#: Bytes or a view of them.
Data = bytes | memoryview

_REPR_BELOW, _REPR_FROM = 1e-3, 1e10  # outside this range, Arrow and Python format exponents differently
_WHOLE_BELOW = 1e15  # whole numbers below are written with all their digits


def output_type(array: pa.Array) -> str | None:
    """Return the output type of an array: bool, int, float, timestamp or text; None if all values are missing."""
    kind = array.type
    if array.null_count == len(array):
        return None
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind):
        return "int"
    if pa.types.is_floating(kind):
        return "float"
    return "timestamp" if pa.types.is_timestamp(kind) else "text"


def common_type(first: str | None, second: str | None) -> str | None:
    """Return the type of a column that is `first` in one block and `second` in another."""
    if first is None or second is None or first == second:
        return first or second
    return "float" if {first, second} == {"int", "float"} else "text"


def as_arrow(values: Any) -> pa.Array:
    """Return a column of a DataFrame as an Arrow array.

    A column of Python objects becomes text, value by value: a type inferred from one block would let the same value be
    written differently in another.
    """
    if isinstance(values, pa.ChunkedArray):
        array = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
    elif isinstance(values, pa.Array):
        array = values
    else:
        enable_pandas()
        try:
            array = pa.array(values, pa.string() if values.dtype == object else None, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            array = pa.array([None if _is_missing(value) else _text_of(value) for value in values], pa.string())
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array) if _has_nan(array) else array
    return array


def to_canonical_text(array: pa.Array, kind: str | None) -> pa.Array:
    """Return the canonical text of an array, missing where the value is missing.

    kind: the column's type from `output_type` or `common_type`; integers become floats if another block has floats.
    """
    if kind == "float" and pa.types.is_integer(array.type):
        array = array.cast(pa.float64(), safe=False)
    for applies, text in _text_writers():
        if applies(array.type):
            return text(array)
    return pa.array([None if value is None else _text_of(value) for value in array.to_pylist()], pa.string())


def join_columns(separator: str, fields: Sequence[Any]) -> pa.Array:
    """Return fields joined row by row, with a separator between them; a missing one is empty."""
    kind = fields[0].type
    return pc.binary_join_element_wise(
        *fields, pa.scalar(separator, kind), null_handling="replace", null_replacement=""
    )


def _float_text(array: pa.Array) -> pa.Array:
    text = array.cast(pa.string())
    values = np.asarray(array.fill_null(0.5) if array.null_count else array, dtype=np.float64)
    size = np.abs(values)
    whole = (values == np.rint(values)) & (size < _WHOLE_BELOW)
    if whole.any():
        mask = pa.array(whole)
        text = pc.replace_with_mask(text, mask, _whole_text(text.filter(mask), values[whole]))
    far = ((size >= _REPR_FROM) | (size < _REPR_BELOW)) & ~whole
    if far.any():
        narrow = array.type != pa.float64()
        exact = [_repr(value, narrow) for value in np.asarray(array.filter(pa.array(far)))]
        text = pc.replace_with_mask(text, pa.array(far), pa.array(exact, pa.string()))
    nan = np.isnan(values)
    return pc.if_else(pa.array(nan), pa.scalar(None, pa.string()), text) if nan.any() else text


def _whole_text(text: pa.Array, values: Any) -> pa.Array:
    """Return the text of whole numbers: Arrow writes 1.0 as 1, and 10000000000.0 as 1e+10."""
    if np.abs(values).max() >= _REPR_FROM:
        integers = pa.array(values.astype(np.int64)).cast(pa.string())
        text = pc.if_else(pa.array(values == 0), text, integers)  # -0.0 has no integer
    return join_columns("", [text, ".0"])


def _repr(value: Any, narrow: bool) -> str:
    return str(value) if narrow else repr(float(value))


def _timestamp_text(array: pa.Array) -> pa.Array:
    zone = array.type.tz
    if zone:
        return pa.array([None if value is None else str(value) for value in array.to_pandas()], pa.string())
    text = array.cast(pa.string())  # with the fraction of the unit: .000000 for microseconds
    if array.type.unit == "s":
        return text
    return (
        pc.utf8_rtrim(pc.utf8_rtrim(text, "0"), ".") if _has_fraction(array) else pc.utf8_slice_codeunits(text, 0, 19)
    )


def _has_fraction(array: pa.Array) -> bool:
    per_second = {"ms": 10**3, "us": 10**6, "ns": 10**9}[array.type.unit]
    values = np.asarray(array.drop_null().cast(pa.int64()))
    return bool((values % per_second).any())


def _has_nan(array: pa.Array) -> bool:
    return bool(pc.any(pc.is_nan(array)).as_py())


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    return type(value).__name__ in ("NAType", "NaTType")


def _text_of(value: Any) -> str:
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, dt.datetime) and not value.tzinfo:
        text = str(value)
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


def _plain_text(array: pa.Array) -> pa.Array:
    return array.cast(pa.string())


def _same_text(array: pa.Array) -> pa.Array:
    return array


def _bool_text(array: pa.Array) -> pa.Array:
    return pc.if_else(array, "True", "False")


@cache
def null_values() -> pa.Array:
    """Return the null values as an Arrow array."""
    return pa.array(NULL_VALUES, pa.string())


@cache
def _text_writers() -> tuple[tuple[Callable[[Any], bool], Callable[[pa.Array], pa.Array]], ...]:
    """Return how to write the values of an Arrow type; other types use Python's str of each value."""
    return (
        (pa.types.is_string, _same_text),
        (pa.types.is_floating, _float_text),
        (pa.types.is_integer, _plain_text),
        (pa.types.is_boolean, _bool_text),
        (pa.types.is_timestamp, _timestamp_text),
        (pa.types.is_null, _plain_text),
        (pa.types.is_large_string, _plain_text),
        (pa.types.is_string_view, _plain_text),
    )

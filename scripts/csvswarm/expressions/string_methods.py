"""The members of `.str`, on pandas Series of texts, with the same dtypes in every block.

pandas returns different dtypes for a block where some or all values are missing: float64 for int64, object for str.
Here integers are Int64, booleans bool (False for a missing text) and texts str. RE2 matches regular expressions in time
linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from csvswarm.errors import OptionError
from csvswarm.expressions.arrow_operands import PATTERN_TESTS, pattern_of
from csvswarm.expressions.members import TEXT_TESTS
from csvswarm.runtime.lazy_imports import enable_pandas

Series = Any  # pd.Series of any dtype

#: Maximum bytes of a text; longer ones are mistakes or attempts to exhaust memory.
MAX_BYTES = 2**20
#: Tokens of a regular expression: "(" opens an unnamed group, "(?P<" a named one.
_PARTS = re.compile(r"\\.|\[\^?\]?(?:[^\]\\]|\\.)*\]|\(\?P<|\(\?|.", re.DOTALL)


def bounded_texts(series: Series) -> Series:
    """Return texts unchanged. Raises OptionError if one is longer than `MAX_BYTES`."""
    if (pc.max(pc.binary_length(to_arrow(series))).as_py() or 0) > MAX_BYTES:
        raise OptionError(f"a text grows beyond {MAX_BYTES} bytes")
    return series


def to_arrow(series: Series) -> pa.Array:
    """Return a column as an Arrow array, without a copy for texts."""
    enable_pandas()
    array = pa.array(series.array, from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def from_arrow(array: pa.Array, like: Series, dtype: Any) -> Series:
    """Return an Arrow array as a column with the index of another one."""
    if isinstance(dtype, np.dtype):
        return pd.Series(array.to_numpy(zero_copy_only=False).astype(dtype), index=like.index)
    return pd.Series(dtype.__from_arrow__(array), index=like.index)


def texts(array: pa.Array, like: Series) -> Series:
    """Return texts as a column of dtype str with the index of another one."""
    return from_arrow(array.cast(pa.large_string()), like, pd.StringDtype(na_value=np.nan))


def integers(array: pa.Array, like: Series) -> Series:
    """Return integers as a column of dtype Int64 with the index of another one."""
    return from_arrow(array.cast(pa.int64()), like, pd.Int64Dtype())


def lists(array: pa.Array, like: Series) -> Series:
    """Return lists of texts as a column with the index of another one."""
    array = array.cast(pa.large_list(pa.large_string()))
    return pd.Series(pd.array(array, dtype=pd.ArrowDtype(array.type)), index=like.index)


def from_rows(rows: Series, like: Series) -> Series:
    """Return lists of texts, or NaN, like pandas."""
    return lists(pa.array([None if isinstance(row, float) else row for row in rows], pa.list_(pa.string())), like)


def call_on_texts(name: str, series: Series, given: dict[str, Any]) -> Series:
    """Call a member of `.str` on texts."""
    if name in PATTERN_TESTS:
        return pd.Series(PATTERN_TESTS[name](to_arrow(series), **given), index=series.index)
    if name in _PATTERNS:
        return _PATTERNS[name](series, **given)
    result = getattr(series.str, name)(**given)
    if name in ("len", "find", "rfind"):
        return result.astype("Int64")
    if name in TEXT_TESTS:
        return result.astype(bool)
    result = result.astype("str")
    return bounded_texts(result) if name in ("repeat", "slice_replace") else result


def _replace(series: Series, pat: str, repl: str, n: int, case: bool, flags: int, regex: bool) -> Series:
    del flags
    most = {"max_replacements": n} if n >= 0 else {}
    text = to_arrow(series)
    if regex or not case:
        pattern = pattern_of(pat if regex else re.escape(pat), case)
        replacement = repl if regex else repl.replace("\\", "\\\\")
        text = pc.replace_substring_regex(text, pattern, replacement, **most)
    else:
        text = pc.replace_substring(text, pat, repl, **most)
    return bounded_texts(texts(text, series))


def _count(series: Series, pat: str, flags: int) -> Series:
    del flags
    return integers(pc.count_substring_regex(to_arrow(series), pattern_of(pat)), series)


def _extract(series: Series, pat: str, flags: int, expand: bool) -> Series:
    del flags, expand
    parts = _PARTS.findall(pat)
    if sum(part in ("(", "(?P<") for part in parts) != 1:
        raise OptionError(f".str.extract() takes a pattern with one group, not {pat!r}")
    named = "".join("(?P<it>" if part == "(" else part for part in parts)
    return texts(pc.struct_field(pc.extract_regex(to_arrow(series), pattern_of(named)), [0]), series)


def _split(series: Series, pat: str | None, n: int, expand: bool, regex: bool | None = None) -> Series:
    del expand
    if not pat:
        return from_rows(series.str.split(n=n), series)
    most = {"max_splits": n} if n > 0 else {}
    if regex or (regex is None and len(pat) > 1):
        return lists(pc.split_pattern_regex(to_arrow(series), pattern_of(pat), **most), series)
    return lists(pc.split_pattern(to_arrow(series), pat, **most), series)


def _rsplit(series: Series, pat: str | None, n: int, expand: bool) -> Series:
    del expand
    if not pat:
        return from_rows(series.str.rsplit(n=n), series)
    most = {"max_splits": n} if n > 0 else {}
    return lists(pc.split_pattern(to_arrow(series), pat, reverse=True, **most), series)


def _partition(series: Series, sep: str, expand: bool) -> Series:
    return from_rows(series.str.partition(sep, expand=expand), series)


def _rpartition(series: Series, sep: str, expand: bool) -> Series:
    return from_rows(series.str.rpartition(sep, expand=expand), series)


_PATTERNS: dict[str, Callable[..., Series]] = {
    "replace": _replace, "count": _count, "extract": _extract, "split": _split, "rsplit": _rsplit,
    "partition": _partition, "rpartition": _rpartition,
}  # fmt: skip


def call_on_lists(name: str, series: Series, given: dict[str, Any]) -> Series:
    """Return the lengths of lists, their joined elements, or the element at an index, missing if out of range."""
    array = to_arrow(series)
    if name == "len":
        return integers(pc.list_value_length(array), series)
    if name == "join":
        return bounded_texts(texts(pc.binary_join(array, pa.scalar(given["sep"], pa.large_string())), series))
    offsets = np.asarray(array.offsets)
    index = given["i"] + (offsets[:-1] if given["i"] >= 0 else offsets[1:])
    exists = (index >= offsets[:-1]) & (index < offsets[1:]) & np.asarray(array.is_valid())
    return texts(array.values.take(pa.array(index, mask=~exists)), series)

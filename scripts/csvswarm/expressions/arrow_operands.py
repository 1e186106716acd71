"""Texts and timestamps as Arrow arrays, with the methods that Arrow computes like pandas.

pandas, whose import takes longer than most evaluations, computes the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from csvswarm.errors import OptionError
from csvswarm.expressions.operands import Array, ArrowOperand, Masked, NeedsPandas, Operand
from csvswarm.types.conversion import TextConverter


class Texts(ArrowOperand):
    """Texts."""

    __hash__ = Operand.__hash__
    dtype = np.dtype("U")

    def __eq__(self, other: object) -> Any:
        return truths(pc.equal(self.array, other)) if isinstance(other, str) else self._refuse()

    def __ne__(self, other: object) -> Any:
        return ~(self == other)


class Timestamps(ArrowOperand):
    """Timestamps without a time zone."""

    dtype = np.dtype("M8[us]")


def call(name: str, values: list[Any], literals: dict[str, Any]) -> Any:
    """Call one of `MEMBERS`. values: the operand, then the arguments that may be columns. Raises NeedsPandas."""
    operand = values[0]
    methods = _OF_TEXTS if isinstance(operand, Texts) else _OF_TIMESTAMPS if isinstance(operand, Timestamps) else {}
    if name not in methods:
        raise NeedsPandas
    return methods[name](operand.array, **literals)


def truths(array: pa.Array, na: bool | None = None) -> Array:
    """Return booleans as an array of numpy. na: the value for missing ones."""
    found: Array = pc.fill_null(array, bool(na)).to_numpy(zero_copy_only=False)
    return found


def pattern_of(pat: str, case: bool = True) -> str:
    """Return a pattern for RE2. Raises OptionError for patterns that RE2 does not support."""
    pattern = pat if case else f"(?i){pat}"
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        raise OptionError(
            f"{pat!r} is not a pattern of RE2, which supports neither lookaround nor references: {error}"
        ) from error
    return pattern


def contains(text: pa.Array, pat: str, case: bool, flags: int, na: bool | None, regex: bool = True) -> Array:
    """Return whether texts contain a pattern, as `.str.contains` does; `flags` is 0."""
    del flags
    if regex:
        return truths(pc.match_substring_regex(text, pattern_of(pat, case)), na)
    return truths(pc.match_substring(text, pat, ignore_case=not case), na)


def matches(text: pa.Array, pat: str, case: bool, flags: int, na: bool | None) -> Array:
    """Return whether texts start with a pattern, as `.str.match` does."""
    pattern_of(pat)
    return contains(text, f"^(?:{pat})", case, flags, na)


def matches_fully(text: pa.Array, pat: str, case: bool, flags: int, na: bool | None) -> Array:
    """Return whether a pattern matches whole texts, as `.str.fullmatch` does."""
    pattern_of(pat)
    return contains(text, rf"^(?:{pat})\z", case, flags, na)


def starts(text: pa.Array, pat: str, na: bool | None) -> Array:
    """Return whether texts start with another one, as `.str.startswith` does."""
    return truths(pc.starts_with(text, pat), na)


def ends(text: pa.Array, pat: str, na: bool | None) -> Array:
    """Return whether texts end with another one, as `.str.endswith` does."""
    return truths(pc.ends_with(text, pat), na)


#: The tests of texts by a pattern.
PATTERN_TESTS: dict[str, Callable[..., Array]] = {
    "contains": contains,
    "match": matches,
    "fullmatch": matches_fully,
    "startswith": starts,
    "endswith": ends,
}


def _integers(array: pa.Array) -> Masked:
    """Return integers as a column of dtype Int64."""
    missing = array.is_null().to_numpy(zero_copy_only=False)
    return Masked(array.fill_null(0).cast(pa.int64()).to_numpy(zero_copy_only=False), missing)


def _isin(text: pa.Array, values: tuple[Any, ...]) -> Array:
    if not all(isinstance(value, str) for value in values):
        raise NeedsPandas  # it reports what does not fit
    return truths(pc.is_in(text, value_set=pa.array(values, text.type)))


def _isna(array: pa.Array) -> Array:
    return truths(array.is_null())


def _notna(array: pa.Array) -> Array:
    return truths(array.is_valid())


def _as_timestamps(text: pa.Array, dtype: str) -> Timestamps:
    if dtype not in ("timestamp", "datetime64[us]", "datetime64[ns]"):
        raise NeedsPandas
    values = TextConverter().convert(text, "timestamp", declared=True)
    if values is None:
        raise NeedsPandas  # it reports the text that cannot be read
    return Timestamps(values)


_GAPS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys((".isna", ".isnull"), _isna),
    **dict.fromkeys((".notna", ".notnull"), _notna),
}
_OF_TEXTS: dict[str, Callable[..., Any]] = {
    **_GAPS,
    **{f".str.{name}": function for name, function in PATTERN_TESTS.items()},
    ".str.lower": lambda text: Texts(pc.utf8_lower(text)),
    ".str.upper": lambda text: Texts(pc.utf8_upper(text)),
    ".str.len": lambda text: _integers(pc.utf8_length(text)),
    ".isin": _isin,
    ".astype": _as_timestamps,
}
_DATE_PARTS: dict[str, Callable[[pa.Array], pa.Array]] = {
    **{name: getattr(pc, name) for name in ("year", "month", "day", "hour", "minute", "second", "quarter")},
    **dict.fromkeys(("day_of_year", "dayofyear"), pc.day_of_year),
    **dict.fromkeys(("day_of_week", "dayofweek", "weekday"), pc.day_of_week),
}
_OF_TIMESTAMPS: dict[str, Callable[..., Any]] = {
    **_GAPS,
    **{f".dt.{name}": lambda array, part=part: _integers(part(array)) for name, part in _DATE_PARTS.items()},
}

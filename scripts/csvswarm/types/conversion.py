"""Converts text to the schema's types, and finds the kinds of values in text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from csvswarm.runtime.lazy_imports import np, pa, pc
from csvswarm.types.schema import ARROW, FALSE, NULL_VALUES, TRUE


class TextConverter:
    """Converts columns of text to the schema's types, and finds the kinds of values in a column.

    null_values: texts that mean a missing value, the user's or `NULL_VALUES`.
    """

    def __init__(self, null_values: Sequence[str] = NULL_VALUES) -> None:
        self.null_values = list(null_values)
        self._readable: dict[tuple[str, bool], pa.Array] = {}

    @cached_property
    def null_array(self) -> pa.Array:
        """What stands for a missing value."""
        return pa.array(self.null_values, pa.string())

    @cached_property
    def _true(self) -> pa.Array:
        return pa.array(TRUE)

    @cached_property
    def _bools(self) -> pa.Array:
        return pa.array(TRUE + FALSE)

    def convert(self, text: pa.Array, kind: str, *, declared: bool = False) -> pa.Array | None:
        """Return `text` as values of the type `kind`, None if a value does not fit.

        declared: the user declared the type, so "007" is a number. A missing value fits every type; a quoted "" or
        "NA" is missing for every type except text, where it is text.
        """
        if kind == "text":
            return text
        if kind == "null":
            return pa.nulls(len(text), pa.float64()) if text.null_count == len(text) else None
        if kind == "quoted":
            return text if _all_true(pc.is_in(text, value_set=self.null_array, skip_nulls=True), text) else None
        for plain in (True, False):
            if not plain:
                text = self._normalised(text)
            elif self._has_readable_null(text, kind, declared):
                continue
            if (values := self._try_cast(text, kind, declared)) is not None:
                return values
        return None

    def readable_nulls(self, kind: str, declared: bool) -> pa.Array:
        """Return the null values that are also valid values of a type, like "-1"."""
        if (kind, declared) not in self._readable:
            found = [
                null
                for null in self.null_values
                if self._try_cast(pa.array([null], pa.string()), kind, declared) is not None
            ]
            self._readable[kind, declared] = pa.array(found, pa.string())
        return self._readable[kind, declared]

    def _has_readable_null(self, text: pa.Array, kind: str, declared: bool) -> bool:
        """Whether text contains a (quoted) null value that would be read as a number."""
        nulls = self.readable_nulls(kind, declared)
        return bool(len(nulls)) and bool(pc.any(pc.is_in(text, value_set=nulls, skip_nulls=True)).as_py())

    def kinds(self, text: pa.Array) -> frozenset[str]:
        """Return the kinds of the values in a column of text."""
        values = text.drop_null()
        if not len(values):
            return frozenset()
        is_null = pc.is_in(values, value_set=self.null_array)
        quoted = frozenset({"quoted"}) if pc.any(is_null).as_py() else frozenset()
        values = self._trimmed(values.filter(pc.invert(is_null)))
        if not len(values):
            return quoted
        if _all_true(pc.is_in(values, value_set=self._bools), values):
            return quoted | {"bool"}
        if self._try_cast(values, "int", False) is not None:
            return quoted | {"int"}
        if self._try_cast(values, "float", False) is None:
            return quoted | {"text"}
        return quoted | {"float"}

    def _try_cast(self, text: pa.Array, kind: str, declared: bool) -> pa.Array | None:
        if kind == "bool":
            if not _all_true(pc.is_in(text, value_set=self._bools, skip_nulls=True), text):
                return None
            is_true = pc.is_in(text, value_set=self._true)
            return pc.if_else(pc.is_valid(text), is_true, pa.scalar(None, pa.bool_())) if text.null_count else is_true
        if kind in ("int", "float") and _loses_digits(text, whole=kind == "int", zeros=not declared):
            return None
        if kind == "float" and not declared and self._has_long_integer(text):
            return None
        try:
            values = text.cast(ARROW[kind])
        except pa.ArrowInvalid:
            return None
        # "Nan" would lose its spelling as a number; null values are already missing here
        return None if kind == "float" and pc.any(pc.is_nan(values)).as_py() else values

    def _has_long_integer(self, text: pa.Array) -> bool:
        """Whether a value is an integer beyond 64 bits: as a float, it would lose digits of what may be an id."""
        if (pc.max(pc.binary_length(text)).as_py() or 0) < 19:
            return False
        integers = text.filter(pc.match_substring_regex(text, "^-?[0-9]{19,}$"))
        return len(integers) > integers.null_count and self._try_cast(integers, "int", False) is None

    def _normalised(self, text: pa.Array) -> pa.Array:
        """Return text as it is read for numbers: without surrounding blanks, quoted null values missing."""
        text = self._trimmed(text)
        return pc.if_else(pc.is_in(text, value_set=self.null_array), pa.scalar(None, pa.string()), text)

    @staticmethod
    def _trimmed(text: pa.Array) -> pa.Array:
        return pc.ascii_trim(text, " \t")


def _all_true(mask: pa.Array, text: pa.Array) -> bool:
    """Whether the mask is true for every value that is not missing."""
    return int(pc.sum(mask).as_py() or 0) == len(text) - int(text.null_count)


def _loses_digits(text: pa.Array, *, whole: bool, zeros: bool) -> bool:
    """Whether a value would lose characters as a number: a leading zero ("007", not "0.7"), a plus sign, or 0x.

    whole: for integers, whose parser reads 0x1F as 31. zeros: whether "007" counts; never for declared types.
    """
    count = len(text)
    if not count:
        return False
    offsets = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + count + 1]
    if offsets[0] == offsets[-1]:
        return False
    data = np.frombuffer(text.buffers()[2], np.uint8)
    starts, ends = offsets[:-1], offsets[1:]
    starts, ends = starts[ends > starts], ends[ends > starts]
    first = data[starts]
    if not zeros:
        return whole and bool(((first == 48) & (data[np.minimum(starts + 1, ends - 1)] | 32 == 120)).any())
    if (first == 43).any():
        return True
    negative = first == 45
    if negative.any():
        starts = np.minimum(starts + negative, ends - 1)
        first = data[starts]
    zero = (first == 48) & (ends - starts > 1)
    if whole or not zero.any():
        return bool(zero.any())
    second = data[starts[zero] + 1]
    return bool(((second >= 48) & (second <= 57)).any())

"""Formats of values that are not written plainly: 1.234,50 and 10% and $10 and 31.01.2024.

A format rewrites text as the plain text of the same values; text that is not a value in the format becomes text that is
not a value in any format. So the types of columns are inferred and checked over the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from csvswarm.errors import OptionError
from csvswarm.runtime.lazy_imports import pa, pc

#: Prefix of text that is not a value in a format, but would be one without the format.
_NO_VALUE = "~"
#: Types of `column_types` that are a float in another style.
STYLES = ("percent", "currency")
_BLANKS, _APOSTROPHES = " \u00a0\u202f", "'\u2019"
_SYMBOL = r"(?:\p{Sc}|[A-Z]{3})"
_DIRECTIVES = {
    "Y": r"(?P<Y>[0-9]{4})",
    "y": r"(?P<y>[0-9]{2})",
    "m": r"(?P<m>[0-9]{1,2})",
    "d": r"(?P<d>[0-9]{1,2})",
    "H": r"(?P<H>[0-9]{1,2})",
    "M": r"(?P<M>[0-9]{1,2})",
    "S": r"(?P<S>[0-9]{1,2})",
    "f": r"(?P<f>[0-9]{1,6})",
    "%": "%",
}


class Format(Protocol):
    """How the values of a column are written."""

    def plain(self, text: pa.Array, null_values: pa.Array) -> pa.Array:
        """Return text as the plain text of the same values."""


class NumberFormat(NamedTuple):
    """decimal: one character. thousands: one character between groups of three digits, or "". style: of `STYLES`."""

    decimal: str = "."
    thousands: str = ""
    style: str = ""

    @property
    def is_plain(self) -> bool:
        return self == NumberFormat()

    def plain(self, text: pa.Array, null_values: pa.Array) -> pa.Array:
        """Return numbers of this format as plain ones; other text does not become a number."""
        bare = pc.utf8_trim_whitespace(text)
        fits = pc.fill_null(pc.match_substring_regex(bare, self.pattern), False)
        numbers = self._rewritten(bare)
        others = text
        if self.style or self.decimal != ".":
            is_null = pc.is_in(bare, value_set=null_values)
            blocked = pc.binary_join_element_wise(_NO_VALUE, text, "")
            is_number = pc.fill_null(pc.match_substring_regex(bare, r"(?i)^[-+]?[0-9.]|^[-+]?inf"), False)
            others = pc.if_else(pc.and_not(is_number, is_null), blocked, text)
        return pc.if_else(fits, numbers, others)

    @property
    def pattern(self) -> str:
        """A pattern of a number without blanks around it."""
        decimal, thousands = re.escape(self.decimal), _class_of(self.thousands)
        whole = rf"(?:[1-9][0-9]{{0,2}}(?:{thousands}[0-9]{{3}})+|[0-9]+)" if thousands else "[0-9]+"
        number = rf"(?:{whole}(?:{decimal}[0-9]*)?|{decimal}[0-9]+)"
        sign = "[-\u2212]?"
        if self.style == "percent":
            return rf"^{sign}{number}\s?%$"
        if self.style == "currency":
            money = rf"(?:{_SYMBOL}\s?)?{number}|{number}\s?{_SYMBOL}"
            return rf"^(?:{sign}\s?(?:{money})|{_SYMBOL}\s?{sign}{number}|\((?:{money})\))$"
        return rf"^{sign}{number}(?:[eE][-+]?[0-9]+)?$"

    def _rewritten(self, bare: pa.Array) -> pa.Array:
        """Return numbers of this format in the plain one."""
        if self.style:
            kept = re.escape(self.decimal)
            digits = pc.replace_substring_regex(bare, f"[^0-9{kept}]", "")
            digits = _with_point(digits, self.decimal)
            if self.style == "percent":
                digits = pc.binary_join_element_wise(digits, "e-2", "")
            minus = pc.match_substring_regex(bare, "[-\u2212(]")
            return pc.if_else(minus, pc.binary_join_element_wise("-", digits, ""), digits)
        if self.thousands:
            bare = pc.replace_substring_regex(bare, _class_of(self.thousands), "")
        return pc.replace_substring(_with_point(bare, self.decimal), "\u2212", "-")


def _with_point(text: pa.Array, decimal: str) -> pa.Array:
    return text if decimal == "." else pc.replace_substring(text, decimal, ".")


def _class_of(thousands: str) -> str:
    """Return the pattern of a thousands separator: any kind of blank or apostrophe."""
    for alike in (_BLANKS, _APOSTROPHES):
        if thousands and thousands in alike:
            return f"[{alike}]"
    return re.escape(thousands)


class DateFormat(NamedTuple):
    """text: as for Python's strptime, with the numeric directives %Y %y %m %d %H %M %S %f."""

    text: str

    def plain(self, text: pa.Array, null_values: pa.Array) -> pa.Array:
        """Return dates of this format as YYYY-MM-DD HH:MM:SS; other text does not become a date."""
        bare = pc.utf8_trim_whitespace(text)
        pattern, names = self._pattern
        parts = pc.extract_regex(bare, pattern)
        if "y" in names:  # as in POSIX, 69 to 99 are of the 20th century
            short = pc.struct_field(parts, names.index("y"))
            is_old = pc.greater_equal(short, "69")
            year = pc.binary_join_element_wise(pc.if_else(is_old, "19", "20"), short, "")
        else:
            year = pc.struct_field(parts, names.index("Y"))
        month, day, *clock = (
            pc.utf8_lpad(pc.struct_field(parts, names.index(name)), 2, "0") if name in names else "00"
            for name in "mdHMS"
        )
        date = pc.binary_join_element_wise(year, month, day, "-")
        written = pc.binary_join_element_wise(date, pc.binary_join_element_wise(*clock, ":"), " ") if clock else date
        if "f" in names:
            written = pc.binary_join_element_wise(written, pc.struct_field(parts, names.index("f")), ".")
        is_null = pc.is_in(bare, value_set=null_values)
        others = pc.if_else(is_null, text, pc.binary_join_element_wise(_NO_VALUE, text, ""))
        return pc.coalesce(written, others)

    @property
    def _pattern(self) -> tuple[str, list[str]]:
        pieces = re.split("%(.)", self.text)
        names = [name for name in pieces[1::2] if name != "%"]
        pieces[0::2] = [re.escape(piece) for piece in pieces[0::2]]
        pieces[1::2] = [_DIRECTIVES[name] for name in pieces[1::2]]
        return f"^{''.join(pieces)}$", names

    def check(self) -> None:
        """Raise OptionError if this is not a date format."""
        names = re.findall("%(.?)", self.text)
        wanted = "it needs %d, %m and %Y (or %y), each once, and may have %H, %M, %S and %f, like %d.%m.%Y %H:%M"
        unknown = [name for name in names if name not in _DIRECTIVES]
        if unknown:
            raise OptionError(f"date_format {self.text!r} has the directive %{unknown[0]}, which is unknown: {wanted}.")
        names = [name for name in names if name != "%"]
        years = names.count("Y") + names.count("y")
        if years != 1 or not {"m", "d"} <= set(names) or len(set(names)) < len(names):
            raise OptionError(f"date_format is {self.text!r}, but {wanted}.")
        if any(small in names and large not in names for small, large in ("fS", "SM", "MH")):
            raise OptionError(f"date_format {self.text!r} has a part of a time without the larger ones: {wanted}.")


@dataclass(frozen=True)
class Formats:
    """The formats of a file. styles: by column of floats. dates: by column of timestamps."""

    decimal: str = "."
    thousands: str = ""
    styles: dict[str, str] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)

    @property
    def numbers(self) -> re.Pattern[str] | None:
        """The format of numbers without a style of their own, None for plain ones."""
        numbers = NumberFormat(self.decimal, self.thousands)
        return None if numbers.is_plain else re.compile(numbers.pattern)

    def of(self, column: str, kind: str) -> Format | None:
        """Return the format of a column of a type, None for the plain one."""
        if kind in ("int", "float"):
            numbers = NumberFormat(self.decimal, self.thousands, self.styles.get(column, ""))
            return None if numbers.is_plain else numbers
        if kind == "timestamp" and column in self.dates:
            return DateFormat(self.dates[column])
        return None

    def type_name(self, column: str, kind: str) -> str:
        """Return the declared type of a column."""
        if kind == "timestamp" and column in self.dates:
            return f"timestamp {self.dates[column]}"
        return self.styles.get(column, kind)

    def to_json(self) -> dict[str, Any]:
        return vars(self)


def check_numbers(decimal: str | None, thousands: str | None) -> tuple[str, str]:
    """Return (decimal, thousands) as passed or implied. Raises OptionError."""
    if decimal is not None and (len(decimal) != 1 or decimal.isalnum() or decimal in "+-eE \t"):
        raise OptionError(f"decimal is {decimal!r}, but must be the character before the fraction, like ',' or '.'.")
    if thousands and (len(thousands) != 1 or thousands.isalnum() or thousands in "+-\t\r\n\0"):
        raise OptionError(f"thousands is {thousands!r}, but must be one character, like ',', '.' or a blank.")
    decimal = decimal or ("," if thousands == "." else ".")
    if decimal == thousands:
        raise OptionError(f"decimal and thousands are both {decimal!r}; they must differ.")
    return decimal, thousands or ""


def check_dates(given: str | dict[str, Any] | None, declared: dict[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return the formats of dates by column. Raises OptionError. declared: types the user gave."""
    if not given:
        return {}
    if isinstance(given, str):
        given = {name: given for name, kind in declared.items() if kind == "timestamp"}
        if not given:
            raise OptionError(
                "date_format is for columns of timestamps, but column_types names none. "
                """Name the columns, like -e '{"date_format": {"day": "%d.%m.%Y"}}'."""
            )
    for column, text in given.items():
        if column not in names:
            raise OptionError(f"date_format names a column {column!r}, which the file does not have.")
        if declared.get(column, "timestamp") != "timestamp":
            raise OptionError(f"date_format names {column!r}, to which column_types gives the type {declared[column]}.")
        DateFormat(str(text)).check()
    return {column: str(text) for column, text in given.items()}

"""Detects how the numbers of a file are written: with a decimal comma, with thousands separators, or plainly.

The first records decide for the whole file, and only where no other reading is possible: every value of a column is a
number in that style, and at least one is a number in no other style. All values of a column decide whether it is
numeric.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from csvswarm.csv_format.dialect import records_of
from csvswarm.input.combined_files import Inputs
from csvswarm.job.request import Request
from csvswarm.types.formats import STYLES, Formats, check_dates, check_numbers
from csvswarm.types.schema import NULL_VALUES

#: Numbers of bytes and columns that decide, and of values that a column must have.
MAX_BYTES, MAX_COLUMNS, MIN_VALUES = 1 << 16, 1000, 2
_SEPARATORS = {".": "[.]", ",": ",", " ": "[ \u00a0\u202f]"}


def _needed(decimal: str, thousands: str) -> str:
    """Return the class of characters of which a number in a style has one if no other style is possible."""
    return "," if decimal == "," else _SEPARATORS[thousands]


def _patterns(decimal: str, thousands: str) -> tuple[str, str]:
    """Return (pattern of all values of a column in a style, pattern for one of them)."""
    point = f"[{decimal}]"
    if not thousands:
        digits = "[0-9]+"
        sure = f"[0-9]+{point}(?:[0-9]{{1,2}}|[0-9]{{4,}})|(?:0[0-9]*|[0-9]{{4,}}){point}[0-9]+"
    else:
        groups = f"[1-9][0-9]{{0,2}}(?:{_SEPARATORS[thousands]}[0-9]{{3}})"
        digits = f"(?:[0-9]+|{groups}+)"
        sure = f"{groups}+{point}[0-9]+" + (f"|{groups}{{2,}}" if thousands == "," else "")
    return f"-?{digits}(?:{point}[0-9]+)?", f"-?(?:{sure})"


_STYLES = ((",", "."), (",", " "), (",", ""), (".", ","), (".", " "))
_POINT = r"-?[0-9]*[.][0-9]+"


def find_formats(inputs: Inputs, request: Request, declared: dict[str, str]) -> tuple[Formats, list[str]]:
    """Return (the formats of an input, a sentence for each that was detected). Raises OptionError."""
    header = inputs.header
    styles = {name: str(given) for name, given in request.column_types.items() if given in STYLES}
    dates = check_dates(request.date_format, declared, header.names)
    decimal, thousands = check_numbers(request.decimal, request.thousands)
    decisions: list[str] = []
    if request.decimal is None and request.thousands is None:
        nulls = {"", *(NULL_VALUES if request.null_values is None else request.null_values)}
        columns = list(_columns(inputs, declared, nulls))
        found = _found(columns, may_be_comma=header.dialect.delimiter != ",")
        if found is not None:
            decimal, thousands, name, value = found
            between = {"": "", " ": ", a blank between thousands"}.get(thousands, f", {thousands!r} between thousands")
            decisions.append(f"Numbers have the decimal {decimal!r}{between}: column {name!r}, like {value!r}.")
    return Formats(decimal, thousands, styles, dates), decisions


def _columns(inputs: Inputs, declared: dict[str, str], nulls: set[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield (name, values that are not missing) of the columns without a given type."""
    header = inputs.header
    data, complete = inputs.first_bytes(MAX_BYTES)
    rows = records_of(data, header.dialect, complete=complete)
    for index, name in enumerate(header.names[:MAX_COLUMNS]):
        if name not in declared:
            values = [row[index].strip() for row in rows if index < len(row)]
            yield name, [value for value in values if value not in nulls]


def _found(columns: Sequence[tuple[str, list[str]]], *, may_be_comma: bool) -> tuple[str, str, str, str] | None:
    """Return (decimal, thousands, column, value) of the only style of the columns; None without a single one."""
    found: list[tuple[str, str, str, str]] = []
    for name, values in columns:
        if len(values) < MIN_VALUES:
            continue
        text = "\n".join(values)
        for decimal, thousands in _STYLES:
            if (decimal == "," and not may_be_comma) or not re.search(_needed(decimal, thousands), text):
                continue
            every, one = map(re.compile, _patterns(decimal, thousands))
            if not every.fullmatch(values[0]):
                continue
            like = next((value for value in values if one.fullmatch(value)), None)
            if like is not None and all(map(every.fullmatch, values)):
                found.append((decimal, thousands, name, like))
                break
    if not found:
        return None
    decimals = {decimal for decimal, *_ in found}
    separators = {thousands for _, thousands, *_ in found} - {""}
    has_point = any(all(re.fullmatch(_POINT, value) for value in values) for _, values in columns if values)
    if len(decimals) > 1 or len(separators) > 1 or (has_point and "," in decimals):
        return None
    return max(found, key=lambda style: style[1] != "")

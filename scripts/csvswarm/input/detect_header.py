"""Detects whether the first record of a file is its header."""

from __future__ import annotations

import re

from csvswarm.input.layout import Layout
from csvswarm.types.number_text import is_plain

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")


def detect_header(rows: list[list[str]], layout: Layout) -> None:
    """Set `layout.header`, and add a decision or a warning. rows: the first records, as fields."""
    first, rest = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if not rest:
        return
    kinds = [_kind(value) for value in first]
    same = [
        kind and all(_kind(row[index]) == kind or not row[index] for row in rest) for index, kind in enumerate(kinds)
    ]
    if all(same) and any(kind == "date" or _is_no_name(value) for kind, value in zip(kinds, first, strict=True)):
        layout.header = False
        layout.decisions.append("There is no header: the first record has values like all others.")
    elif any(same) and not _may_be_names(first, kinds):
        value = first[same.index(next(found for found in same if found))]
        layout.warnings.append(
            f"The first record was taken for the header, but {value[:60]!r} looks like a value. Pass -e "
            "header=false if the file has no header, -e header=true to confirm that it has one."
        )


def _kind(value: str) -> str:
    return "date" if _DATE.fullmatch(value) else "number" if is_plain(value.strip()) else ""


def _is_no_name(value: str) -> bool:
    """Whether a number cannot be the name of a column, as a year or an index may be."""
    return not value.strip().isdigit()


def _may_be_names(values: list[str], kinds: list[str]) -> bool:
    """Whether numbers in a header are years, or count the columns from 0, as programs write them."""
    numbers = [value.strip() for value, kind in zip(values, kinds, strict=True) if kind]
    are_years = all(re.fullmatch("(?:19|20)[0-9]{2}", number) for number in numbers)
    return are_years or numbers == [str(index) for index in range(len(numbers))]

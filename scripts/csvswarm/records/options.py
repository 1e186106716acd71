"""Options that processors of records share: sort orders and columns of a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from csvswarm.errors import OptionError
from csvswarm.processor_api.context import Context

ASCENDING: dict[str, Any] = {
    "type": "list",
    "elements": "bool",
    "description": "whether small values come first: one value for all columns of by, or one for each",
}
MISSING: dict[str, Any] = {
    "type": "str",
    "choices": ["last", "first"],
    "default": "last",
    "description": "where records with a missing value in a column of by go",
}


def key_columns(context: Context, option: str, processor: str) -> list[str]:
    """Return the columns that an option lists, which must exist and be distinct. Raises OptionError."""
    names: list[str] = list(context.options[option])
    where = f"option {option!r} of {processor}"
    if not names:
        raise OptionError(f"{where} is an empty list: name at least one column.")
    context.require_columns(names, where)
    if twice := [name for name in names if names.count(name) > 1]:
        raise OptionError(f"{where} names {twice[0]!r} twice.")
    return names


def directions(by: Sequence[str], given: Sequence[bool] | None, default: bool, processor: str) -> list[bool]:
    """Return whether each column of `by` ascends. Raises OptionError if the numbers of values differ."""
    ascending = list(given or [default])
    if len(ascending) == 1:
        return ascending * len(by)
    if len(ascending) != len(by):
        raise OptionError(
            f"option 'ascending' of {processor} has {len(ascending)} values, but 'by' names {len(by)} columns: "
            "pass one value for all, or one for each."
        )
    return ascending

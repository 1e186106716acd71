"""sort: the records in the order of one or more columns, like `sort_values(kind="stable")` in pandas on the whole file.

Records keep their text. An external merge sort needs little memory, whatever the size of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from csvswarm.processor_api.context import Context
from csvswarm.processor_api.encoded_rows import EncodedRows
from csvswarm.records.options import ASCENDING, MISSING, directions, key_columns
from csvswarm.records.ranked import KEYS, combine_ranked, finish_ranked, input_header, ranked_state
from csvswarm.records.sort_key import sort_key, with_number
from csvswarm.runtime.lazy_imports import pa

if TYPE_CHECKING:
    from csvswarm.reading.rows import Rows

OPTIONS = {
    "by": {"type": "list", "elements": "str", "required": True, "description": "columns to sort by"},
    "ascending": {**ASCENDING, "default": [True]},
    "missing": MISSING,
}
BLOCK = "rows"
RAW = True  # records are copied from the file
ARROW = True


def columns(context: Context) -> list[str]:
    """Return the columns to sort by. Raises OptionError."""
    by = key_columns(context, "by", "sort")
    directions(by, context.options["ascending"], True, "sort")
    return by


def copied_columns(context: Context) -> list[str]:
    """Return all columns: records are copied from the input."""
    return context.names


def keys(_: Context) -> list[str]:
    """Return the columns that identify a row of state."""
    return KEYS


def process(rows: Rows, context: Context) -> pa.Table:
    """Return the state of one block; records with equal values keep the order of the file."""
    by = columns(context)
    ascending = directions(by, context.options["ascending"], True, "sort")
    key = sort_key([rows.table.column(name) for name in by], ascending, context.options["missing"] == "last")
    return ranked_state(rows, None, with_number(key, rows.numbers), None)


def combine(partials: list[pa.Table], _: Context) -> pa.Table:
    """Return one state, sorted."""
    return combine_ranked(partials, None)


def finish(pieces: Iterator[pa.Table], context: Context) -> Iterator[EncodedRows]:
    """Yield the records in order."""
    yield from finish_ranked(pieces, context, None, in_file_order=False)


def header(context: Context, record: bytes) -> bytes:
    """Return the header of the input."""
    return input_header(context, record)

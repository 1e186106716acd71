"""distinct: the first or last record of each key, in the order of the file, like `drop_duplicates` in pandas.

The key is the values of the columns of `by`, by default of all columns: 1.0 and 1.00 are equal in a column of numbers,
and missing values are equal. Records keep their text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from csvswarm.native.library import kernel
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.encoded_rows import EncodedRows
from csvswarm.records.keys_of_chunk import Integers, KeysOfChunk
from csvswarm.records.options import key_columns
from csvswarm.records.ranked import KEYS, combine_ranked, finish_ranked, input_header, ranked_state
from csvswarm.records.rows_of_keys import rows_of_keys
from csvswarm.records.sort_key import number_key, sort_key
from csvswarm.runtime.lazy_imports import pa

if TYPE_CHECKING:
    from csvswarm.reading.rows import Rows

OPTIONS = {
    "by": {"type": "list", "elements": "str", "description": "columns of the key; default: all columns"},
    "keep": {
        "type": "str",
        "choices": ["first", "last"],
        "default": "first",
        "description": "which record of each key to keep",
    },
}
BLOCK = "rows"
RAW = True  # records are copied from the file
ARROW = True


def columns(context: Context) -> list[str]:
    """Return the columns of the key. Raises OptionError."""
    return list(context.names) if context.options["by"] is None else key_columns(context, "by", "distinct")


def copied_columns(context: Context) -> list[str]:
    """Return all columns: records are copied from the input."""
    return context.names


def keys(_: Context) -> list[str]:
    """Return the columns that identify a row of state."""
    return KEYS


def process(rows: Rows, context: Context) -> pa.Table:
    """Return the state of one block."""
    names, keeps_first, numbers = columns(context), context.options["keep"] == "first", rows.numbers
    kept = _new_rows(rows, names, context) if keeps_first else None
    values = [rows.table.column(name).combine_chunks() for name in names]
    if kept is None:
        kept = rows_of_keys(values, last=not keeps_first)
    if kept is not None:
        values, numbers = [column.take(pa.array(kept)) for column in values], numbers[kept]
    key = sort_key(values, [True] * len(values))
    return ranked_state(rows, key, number_key(numbers, ascending=keeps_first), 1, kept)


def _new_rows(rows: Rows, names: list[str], context: Context) -> Integers | None:
    """Return the first row of each key that no earlier block of the chunk has; None if they are not known."""
    if kernel() is None:
        return None
    keys: KeysOfChunk = context.seen or KeysOfChunk()
    context.seen = keys
    return keys.new_rows(rows.block, names, [context.type_of(name) for name in names])


def combine(partials: list[pa.Table], _: Context) -> pa.Table:
    """Return one state, sorted, with one record of each key."""
    return combine_ranked(partials, 1)


def finish(pieces: Iterator[pa.Table], context: Context) -> Iterator[EncodedRows]:
    """Yield the records in the order of the file."""
    yield from finish_ranked(pieces, context, 1, in_file_order=True)


def header(context: Context, record: bytes) -> bytes:
    """Return the header of the input."""
    return input_header(context, record)

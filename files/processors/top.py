"""top: the first n records by one or more columns, in the whole file or in each group.

Like `sort_values(by, kind="stable").groupby(group_by).head(n)` in pandas on the whole file, sorted by group. Records
keep their text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from csvswarm.errors import OptionError, format_names
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.encoded_rows import EncodedRows
from csvswarm.records.group_columns import GroupColumns, without_missing
from csvswarm.records.options import ASCENDING, MISSING, directions, key_columns
from csvswarm.records.ranked import KEYS, combine_ranked, finish_ranked, input_header, ranked_state
from csvswarm.records.sort_key import sort_key, with_number
from csvswarm.runtime.lazy_imports import np, pa

if TYPE_CHECKING:
    from csvswarm.reading.rows import Rows

OPTIONS = {
    "by": {"type": "list", "elements": "str", "required": True, "description": "columns that rank the records"},
    "n": {"type": "int", "default": 10, "min": 1, "description": "how many records to keep, of each group"},
    "group_by": {"type": "list", "elements": "str", "description": "columns to group by, or expressions; default: one"},
    "ascending": {**ASCENDING, "default": [False]},
    "missing": MISSING,
    "dropna": {
        "type": "bool",
        "default": True,
        "description": "drop records with a missing value in a column of group_by; false keeps them as a group",
    },
}
BLOCK = "rows"
RAW = True  # records are copied from the file
ARROW = True


def columns(context: Context) -> list[str]:
    """Return the columns to rank and to group by. Raises OptionError."""
    by = key_columns(context, "by", "top")
    directions(by, context.options["ascending"], False, "top")
    return list(dict.fromkeys([*_group_by(context).columns, *by]))


def needs_pandas(context: Context) -> bool:
    """Whether the groups need pandas: only expressions do."""
    return bool(_group_by(context).expressions)


def why_empty(context: Context, rows: int) -> str:
    """Return why the result has no rows: only records without a group are dropped."""
    return (
        f"The result has no rows: each of the {rows:,} records lacks a value in a column of group_by "
        f"({format_names(context.options['group_by'])}). Pass dropna=false in options to keep them."
    )


def copied_columns(context: Context) -> list[str]:
    """Return all columns: records are copied from the input."""
    return context.names


def keys(_: Context) -> list[str]:
    """Return the columns that identify a row of state."""
    return KEYS


def process(rows: Rows, context: Context) -> pa.Table:
    """Return the state of one block; records with equal values keep the order of the file."""
    by, group_by = key_columns(context, "by", "top"), _group_by(context)
    ascending = directions(by, context.options["ascending"], False, "top")
    rank = sort_key([rows.table.column(name) for name in by], ascending, context.options["missing"] == "last")
    groups = group_by.values(rows, context)
    rank = with_number(rank, rows.numbers)
    group = sort_key(groups, [True] * len(groups)) if groups else None
    if group is None or not context.options["dropna"]:
        return ranked_state(rows, group, rank, context.options["n"])
    kept = np.flatnonzero(without_missing(groups))
    return ranked_state(rows, group.take(pa.array(kept)), rank.take(pa.array(kept)), context.options["n"], kept)


def combine(partials: list[pa.Table], context: Context) -> pa.Table:
    """Return one state, sorted, with at most n records of each group."""
    return combine_ranked(partials, context.options["n"])


def finish(pieces: Iterator[pa.Table], context: Context) -> Iterator[EncodedRows]:
    """Yield the records, by group and rank."""
    yield from finish_ranked(pieces, context, context.options["n"], in_file_order=False)


def header(context: Context, record: bytes) -> bytes:
    """Return the header of the input."""
    return input_header(context, record)


def _group_by(context: Context) -> GroupColumns:
    if context.options["group_by"] == []:
        raise OptionError("option 'group_by' of top is an empty list: name at least one column.")
    return GroupColumns.of(context.options["group_by"] or [], context, "option 'group_by' of top")

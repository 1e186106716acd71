"""The first records of each group by rank, as a keyed state that may be larger than memory.

`sort` is one group of all records, `top` the first n of each group, `distinct` the first of each key, and `sample` the
n records with the smallest hash. The state is a table: group and rank (binary keys, unique together), record (number)
and raw (the record's bytes, ended by LF). Records are written unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from csvswarm.csv_format.row_writer import value_bytes, with_line_terminator
from csvswarm.groupby.group_table import row_changes
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.encoded_rows import EncodedRows
from csvswarm.reading.rows import Rows
from csvswarm.runtime.lazy_imports import np, pa, pc

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

KEYS = ["group", "rank"]


def ranked_state(
    rows: Rows, group: pa.Array | None, rank: pa.Array, limit: int | None, kept: Array | None = None
) -> pa.Table:
    """Return the state of one block.

    kept: the n rows to use, None for all. group: binary, shape (n,), None for one group. rank: binary, shape (n,),
    unique in each group. limit: how many records of each group are kept, None for all.
    """
    groups = pa.array(np.zeros(len(rank), "S1"), pa.binary()) if group is None else group
    records = pa.table({"record": pa.array(rows.numbers), "raw": rows.records()})
    if kept is not None:
        records = records.take(pa.array(kept))
    table = records.append_column("group", groups).append_column("rank", rank)
    return table if limit is None else combine_ranked([table], limit)


def combine_ranked(tables: list[pa.Table], limit: int | None) -> pa.Table:
    """Return one state, sorted by group and rank, with at most `limit` records of each group."""
    table = pa.concat_tables(tables).combine_chunks()
    by = KEYS if limit is not None else KEYS[1:]
    table = table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in by])).combine_chunks()
    return table if limit is None else _HeadOfGroups(limit).take(table)


def finish_ranked(
    pieces: Iterator[pa.Table], context: Context, limit: int | None, *, in_file_order: bool
) -> Iterator[EncodedRows]:
    """Yield the records by group and rank, or in the order of the file."""
    if limit is not None:
        head = _HeadOfGroups(limit)  # combine sees only parts of a group
        pieces = (head.take(piece) for piece in pieces)
    tables = (piece.select(["record", "raw"]) for piece in pieces)
    for table in context.sort(tables, ["record"]) if in_file_order else tables:
        yield encode_raw(table.column("raw").combine_chunks(), context)


def encode_raw(raw: pa.Array, context: Context) -> EncodedRows:
    """Return raw records as rows of the result."""
    ends = np.frombuffer(raw.buffers()[1], np.int32)[raw.offset + 1 : raw.offset + len(raw) + 1] - 1
    start = np.frombuffer(raw.buffers()[1], np.int32)[raw.offset] if len(raw) else 0
    data = with_line_terminator(value_bytes(raw), ends - start, context.dialect)
    return EncodedRows(data, len(raw), context.names, ["text"] * len(context.names))


def input_header(context: Context, record: bytes) -> bytes:
    """Return the header of the input, for results with its columns."""
    return record + context.dialect.lineterminator.encode()


class _HeadOfGroups:
    """Takes the first records of each group from consecutive pieces of sorted state."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._group: bytes | None = None
        self._taken = 0

    def take(self, table: pa.Table) -> pa.Table:
        if not table.num_rows:
            return table
        starts = np.flatnonzero(row_changes(table, ["group"]))
        sizes = np.diff(np.r_[starts, table.num_rows])
        before = np.zeros(len(starts), np.int64)
        if table.column("group")[0].as_py() == self._group:
            before[0] = self._taken
        position = np.arange(table.num_rows) - np.repeat(starts, sizes) + np.repeat(before, sizes)
        self._group, self._taken = table.column("group")[-1].as_py(), int(sizes[-1] + before[-1])
        kept = position < self._limit
        return table if kept.all() else table.filter(pa.array(kept))

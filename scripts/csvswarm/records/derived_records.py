"""Writes records with new, replaced, moved or dropped columns: copies raw fields, writes new ones as canonical text."""

from __future__ import annotations

from typing import Any

import numpy as np

from csvswarm.csv_format.canonical_text import Data, join_columns
from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.record_scan import NO_POSITIONS, Grammar, positions_of, unquoted
from csvswarm.csv_format.row_writer import join_fields, quote_field, value_bytes, with_line_terminator
from csvswarm.processor_api.context import Context
from csvswarm.reading.rows import Rows
from csvswarm.runtime.lazy_imports import pa, pc

Array = np.ndarray[Any, Any]


def header_of(wanted: list[str], context: Context, record: bytes) -> bytes:
    """Return a header with some names, those of the input copied from its header `record`."""
    grammar = Grammar(context.dialect)
    structure = grammar.scan(record)
    array = np.frombuffer(record, np.uint8)
    delimiters = unquoted(np.flatnonzero(array == grammar.delimiter), structure.quote_toggles, False).tolist()
    starts, ends = [0, *(position + 1 for position in delimiters)], [*delimiters, len(record)]
    own = {name: record[a:b] for name, a, b in zip(context.names, starts, ends, strict=True)}
    new = {name: quote_field(name, context.dialect).encode() for name in wanted if name not in own}
    fields = [own.get(name, new.get(name, b"")) for name in wanted]
    return context.dialect.delimiter.encode().join(fields) + context.dialect.lineterminator.encode()


def write_records(rows: Rows, kept: Array, wanted: list[str], text: dict[str, pa.Array], context: Context) -> Data:
    """Return the kept rows: raw fields copied from the file, derived ones as canonical text."""
    if not len(kept):
        return b""
    dialect, own = context.dialect, context.names
    if wanted[: len(own)] != own or any(name in text for name in own):
        return _write_fields(rows, kept, wanted, text, context)
    if len(wanted) == len(own) and len(kept) == len(rows):
        return with_line_terminator(rows.data, rows.ends, dialect)
    new = [text[name].cast(pa.binary()) for name in wanted[len(own) :]]
    if new and dialect.lineterminator == "\n":
        return _append_fields(rows, kept, new, dialect)
    data = _replace_ends(dialect.delimiter, rows.data, rows.ends) if new else rows.data
    records = _split_at(data, rows.ends)
    if len(kept) < len(rows):
        records = records.take(pa.array(kept))
    if not new:
        return with_line_terminator(value_bytes(records), _ends_in(records), dialect)
    return join_fields(new, dialect, prefix=records)


def _append_fields(rows: Rows, kept: Array, new: list[pa.Array], dialect: Dialect) -> Data:
    """Return the kept rows with new fields appended.

    Each record is copied with the LF before it instead of the one after it, so that new fields directly follow it.
    """
    offsets = np.zeros(len(rows) + 1, np.int32)
    offsets[1:] = rows.ends
    records = pa.Array.from_buffers(pa.binary(), len(rows), [None, pa.py_buffer(offsets), pa.py_buffer(rows.data)])
    if len(kept) < len(rows):
        records = records.take(pa.array(kept))
    last = pa.array([(new[-1][len(kept) - 1].as_py() or b"") + b"\n"], pa.binary())
    new = [*new[:-1], pa.concat_arrays([new[-1].slice(0, len(kept) - 1), last])]
    data = value_bytes(join_columns(dialect.delimiter, [records, *new]))
    return data[1:] if kept[0] else data


def _write_fields(rows: Rows, kept: Array, wanted: list[str], text: dict[str, pa.Array], context: Context) -> Data:
    """Return the kept rows with columns dropped, moved or replaced."""
    dialect, own = context.dialect, len(context.names)
    fields = _split_at(rows.data, _field_ends(rows, context))
    index_of = {name: index for index, name in enumerate(context.names)}
    if len(wanted) == 1 or any(name in text for name in wanted):
        columns = [
            text[name].cast(pa.binary())
            if name in text
            else pc.binary_slice(fields.take(pa.array(kept * own + index_of[name])), 0, -1)
            for name in wanted
        ]
        if (
            len(wanted) == 1
        ):  # a blank line is not a record, so a lone missing value is written as an empty pair of quotes
            missing = pc.fill_null(pc.equal(pc.binary_length(columns[0]), 0), True)
            columns = [pc.if_else(missing, pa.scalar(dialect.quotechar.encode() * 2, pa.binary()), columns[0])]
        return join_fields(columns, dialect)
    index = kept[:, None] * own + np.array([index_of[name] for name in wanted])
    taken = fields.take(pa.array(index.reshape(-1)))
    ends = _ends_in(taken)
    data = np.frombuffer(_replace_ends(dialect.delimiter, value_bytes(taken), ends), np.uint8).copy()
    record_ends = ends[len(wanted) - 1 :: len(wanted)]
    data[record_ends] = 10
    return with_line_terminator(data.data, record_ends, dialect)


def _split_at(data: Data, ends: Array) -> pa.Array:
    """Return the bytes between ends, each piece with its final byte."""
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends + 1
    return pa.Array.from_buffers(pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _ends_in(pieces: pa.Array) -> Array:
    """Return the end of each piece in `content(pieces)`."""
    offsets = np.frombuffer(pieces.buffers()[1], np.int32)[pieces.offset : pieces.offset + len(pieces) + 1]
    ends: Array = offsets[1:] - offsets[0] - 1
    return ends


def _replace_ends(char: str, data: Data, ends: Array) -> Data:
    """Return data with the bytes at `ends` replaced."""
    array = np.frombuffer(data, np.uint8).copy()
    array[ends] = ord(char)
    return array.data


def _field_ends(rows: Rows, context: Context) -> Array:
    field_ends = positions_of(np.frombuffer(rows.data, np.uint8), ord(context.dialect.delimiter), 10)
    return (
        unquoted(field_ends, rows.toggles, False)
        if rows.toggles.size
        else field_ends
        if field_ends.size
        else NO_POSITIONS
    )

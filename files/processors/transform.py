"""transform: keep some rows, add columns, choose columns. With no options the result is the input.

Rows whose text is not changed are copied as they stand in the file; only the columns that the expressions name are
read as values. Equal to `frame.query(where).assign(...)[columns]` in pandas on the whole file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from csvswarm.block import Rows
from csvswarm.errors import OptionError
from csvswarm.expressions import Expression
from csvswarm.frame import to_frame
from csvswarm.processor import Context
from csvswarm.records import NOWHERE, Grammar, outside
from csvswarm.sinks import Written
from csvswarm.text import as_arrow, canonical, joined, kind_of, quoted, terminated

OPTIONS = {
    "where": {"type": "str", "description": "keep the rows for which this pandas expression holds, as in frame.query"},
    "assign": {"type": "dict", "description": "new columns: name -> pandas expression, as in frame.eval"},
    "columns": {"type": "list", "elements": "str", "description": "the columns of the result, in this order"},
}
BLOCK = "rows"
RAW = True  # records are written as they stand in the file
GAPS = True  # expressions see Int64 where an integer is missing anywhere in the file


def columns(context: Context) -> list[str]:
    """Return the columns that the expressions name, and check everything that can be checked before the work."""
    known = list(context.names)
    needed: set[str] = set()
    if context.options["where"]:
        needed |= Expression(context.options["where"], known, "where").columns
    for name, text in (context.options["assign"] or {}).items():
        needed |= Expression(str(text), known, f"assign {name!r}").columns
        if name not in known:
            known.append(name)
    for name in context.options["columns"] or []:
        if name not in known:
            context.require([name], "option 'columns' of transform")
    if context.options["columns"] == []:
        raise OptionError("option 'columns' of transform is an empty list: name at least one column, or leave it out.")
    return [name for name in context.names if name in needed]


def process(rows: Rows, context: Context) -> Written:
    """Return the rows that are kept, written in the input's own dialect."""
    frame = to_frame(rows, context.schema) if len(rows.table.column_names) else pd.DataFrame(index=range(len(rows)))
    mask = None
    if context.options["where"]:
        mask = Expression(context.options["where"], context.names, "where").mask(frame)
        frame = frame[mask]
    derived: dict[str, pa.Array] = {}
    known = list(context.names)
    for name, text in (context.options["assign"] or {}).items():
        frame = frame.assign(**{name: Expression(str(text), known, f"assign {name!r}").value(frame)})
        derived[name] = as_arrow(frame[name])
        known.append(name)
    wanted = result_columns(context)
    kinds: list[str | None] = ["text" if name not in derived else kind_of(derived[name]) for name in wanted]
    forced = context.schema.output or kinds
    text = {
        name: quoted(canonical(derived[name], kind), context.dialect)[0]
        for name, kind in zip(wanted, forced, strict=True)
        if name in derived
    }
    kept = np.arange(len(rows)) if mask is None else np.flatnonzero(mask)
    data = write(rows, kept, wanted, text, context)
    return Written(data, len(kept), wanted, list(forced))


def header(context: Context, record: bytes) -> bytes:
    """Return the header of the result, names as they stand in the input's own header `record`."""
    wanted = result_columns(context)
    grammar = Grammar(context.dialect)
    structure = grammar.scan(record)
    array = np.frombuffer(record, np.uint8)
    places = outside(np.flatnonzero(array == grammar.delimiter), structure.toggles, False).tolist()
    starts, ends = [0, *(place + 1 for place in places)], [*places, len(record)]
    own = {name: record[a:b] for name, a, b in zip(context.names, starts, ends, strict=True)}
    new = {name: quoted(pa.array([name]), context.dialect)[0][0].as_py().encode() for name in wanted if name not in own}
    fields = [own.get(name, new.get(name, b"")) for name in wanted]
    return context.dialect.delimiter.encode().join(fields) + context.dialect.lineterminator.encode()


def result_columns(context: Context) -> list[str]:
    """Return the names of the result's columns."""
    if context.options["columns"]:
        return list(context.options["columns"])
    new = [name for name in context.options["assign"] or {} if name not in context.names]
    return [*context.names, *new]


def write(
    rows: Rows, kept: np.ndarray[Any, Any], wanted: list[str], text: dict[str, pa.Array], context: Context
) -> bytes:
    """Return the kept rows: raw fields as they stand in the file, derived ones as their text."""
    if not len(kept):
        return b""
    dialect, own = context.dialect, len(context.names)
    if wanted[:own] == context.names and not any(name in text for name in context.names):
        records = _pieces(rows.data, rows.ends)
        if len(kept) < len(rows):
            records = records.take(pa.array(kept))
        if len(wanted) == own:
            data, ends = _bytes(records)
            return terminated(data, ends, dialect)
        return joined([_unterminated(records), *(text[name].cast(pa.binary()) for name in wanted[own:])], dialect)
    fields = _pieces(rows.data, _field_ends(rows, context))
    places = {name: place for place, name in enumerate(context.names)}
    if len(wanted) > 1 and not any(name in text for name in wanted):
        index = kept[:, None] * own + np.array([places[name] for name in wanted])
        data, ends = _bytes(fields.take(pa.array(index.reshape(-1))))
        array = np.frombuffer(data, np.uint8).copy()
        array[ends] = ord(dialect.delimiter)
        record_ends = ends[len(wanted) - 1 :: len(wanted)]
        array[record_ends] = 10
        return terminated(array.tobytes(), record_ends, dialect)
    columns = [
        text[name].cast(pa.binary())
        if name in text
        else _unterminated(fields.take(pa.array(kept * own + places[name])))
        for name in wanted
    ]
    if len(wanted) == 1:  # a blank line is no record: a lone missing value is written as quotes around nothing
        missing = pc.fill_null(pc.equal(pc.binary_length(columns[0]), 0), True)
        columns = [pc.if_else(missing, pa.scalar(dialect.quotechar.encode() * 2, pa.binary()), columns[0])]
    return joined(columns, dialect)


def _pieces(data: bytes, ends: np.ndarray[Any, Any]) -> pa.Array:
    """Return the bytes between ends, each piece with the byte that ends it."""
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends + 1
    return pa.Array.from_buffers(pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _bytes(pieces: pa.Array) -> tuple[bytes, np.ndarray[Any, Any]]:
    offsets = np.frombuffer(pieces.buffers()[1], np.int32)[pieces.offset : pieces.offset + len(pieces) + 1]
    return pieces.buffers()[2].to_pybytes()[offsets[0] : offsets[-1]], offsets[1:] - offsets[0] - 1


def _unterminated(pieces: pa.Array) -> pa.Array:
    return pc.binary_slice(pieces, 0, -1)


def _field_ends(rows: Rows, context: Context) -> np.ndarray[Any, Any]:
    array = np.frombuffer(rows.data, np.uint8)
    places = np.flatnonzero((array == ord(context.dialect.delimiter)) | (array == 10))
    return outside(places, rows.toggles, False) if rows.toggles.size else places if places.size else NOWHERE

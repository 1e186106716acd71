"""transform: filter rows, add columns, select columns. Without options, the result is the input.

Unchanged text is copied from the file byte for byte; only the columns named in expressions are parsed. Equivalent to
`frame.query(where).assign(...)[columns]` in pandas on the whole file, with the differences listed in
files/processors/README.md.

Over 300 lines: a processor is one file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from csvswarm.csv_format.canonical_text import Data, as_arrow, join_columns, output_type, to_canonical_text
from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.record_scan import NO_POSITIONS, Grammar, positions_of, unquoted
from csvswarm.csv_format.row_writer import join_fields, quote_field, to_field, value_bytes, with_line_terminator
from csvswarm.errors import OptionError
from csvswarm.expressions.rowwise import Expression
from csvswarm.native.row_writing import write_rows
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.encoded_rows import EncodedRows
from csvswarm.reading.rows import Rows
from csvswarm.runtime.lazy_imports import pa, pc

OPTIONS = {
    "where": {
        "type": "str",
        "description": "keep the rows for which this pandas expression is true, as in frame.query",
    },
    "assign": {"type": "dict", "description": "new columns: name -> pandas expression, as in frame.eval"},
    "columns": {"type": "list", "elements": "str", "description": "the columns of the result, in this order"},
}
BLOCK = "rows"
RAW = True  # records are copied from the file
GAPS = True  # expressions see Int64 if an integer is missing anywhere in the file


#: Types of columns of plain numbers.
KINDS = {"int": np.int64, "float": np.float64, "null": np.float64}

#: Kinds of new columns by the kind of their values.
NAMES = {"l": "int", "d": "float", "?": "bool"}

Array = np.ndarray[Any, Any]


def columns(context: Context) -> list[str]:
    """Return the columns named in expressions, after validating all options as far as possible before the work."""
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
            context.require_columns([name], "option 'columns' of transform")
    if context.options["columns"] == []:
        raise OptionError("option 'columns' of transform is an empty list: name at least one column, or leave it out.")
    return [name for name in context.names if name in needed]


def numeric_columns(_: Context) -> list[str]:
    """Return no column: an expression that needs numbers fails on text, and other columns are copied."""
    return []


def copied_columns(context: Context) -> list[str]:
    """Return the columns of the result that are copied from the input."""
    return [name for name in result_columns(context) if name in {*context.names} - {*(context.options["assign"] or ())}]


def keeps_rows(context: Context) -> bool:
    """Return whether no record is dropped."""
    return not context.options["where"]


def why_empty(context: Context, rows: int) -> str:
    """Return why the result has no rows: only `where` drops records."""
    return f"The result has no rows: where ({context.options['where']}) keeps none of the {rows:,} records."


def process(rows: Rows, context: Context) -> EncodedRows:
    """Return the kept rows, encoded in the input's dialect."""
    if (written := _process_native(rows, context)) is not None:
        return written
    mask, derived = compute(rows, context) if context.options["where"] or context.options["assign"] else (None, {})
    wanted = result_columns(context)
    kinds: list[str | None] = ["text" if name not in derived else output_type(derived[name]) for name in wanted]
    forced = context.schema.output or kinds
    text = {
        name: to_field(to_canonical_text(derived[name], kind), kind, context.dialect)[0]
        for name, kind in zip(wanted, forced, strict=True)
        if name in derived
    }
    kept = np.arange(len(rows)) if mask is None else np.flatnonzero(mask)
    data = write(rows, kept, wanted, text, context)
    return EncodedRows(data, len(kept), wanted, list(forced))


def _process_native(rows: Rows, context: Context) -> EncodedRows | None:
    """Return the result of `process` directly from bytes; None if it needs more than plain numbers."""
    dialect, own, block = context.dialect, context.names, rows.block
    wanted = result_columns(context)
    if block is None or wanted[: len(own)] != own or dialect.lineterminator != "\n" or dialect.delimiter in "+-.":
        return None
    computed = _compute_with_numpy(_plain_columns(rows, context), context)
    if computed is None or any(name in own for name in computed[1]) or (computed[0] is None and not computed[1]):
        return None
    mask, derived = computed
    new = [derived[name] for name in wanted[len(own) :]]
    kinds: list[str | None] = [None if _is_all_missing(values) else NAMES.get(values.dtype.char, "") for values in new]
    forced = context.schema.output[len(own) :] if context.schema.output else kinds
    for index, (kind, expected) in enumerate(zip(kinds, forced, strict=True)):
        if kind == "int" and expected == "float":
            new[index] = new[index].astype(np.float64)
        elif kind == "" or kind not in (None, expected):
            return None
    data = write_rows(block.data, block.ends, mask, new, dialect.delimiter)
    kept = len(rows) if mask is None else int(np.count_nonzero(mask))
    return None if data is None else EncodedRows(data, kept, wanted, [*["text"] * len(own), *forced])


def _is_all_missing(values: Array) -> bool:
    return not len(values) or (values.dtype == np.float64 and bool(np.isnan(values[0]) and np.isnan(values).all()))


def needs_pandas(context: Context) -> bool:
    """Whether the expressions need pandas."""
    none = {name: np.empty(0, KINDS[context.type_of(name)]) for name in columns(context) if _is_plain(name, context)}
    return bool(context.options["where"] or context.options["assign"]) and _compute_with_numpy(none, context) is None


def compute(rows: Rows, context: Context) -> tuple[Array | None, dict[str, pa.Array]]:
    """Return (mask of the kept rows, None for all; new columns of the kept rows)."""
    if (computed := _compute_with_numpy(_plain_columns(rows, context), context)) is not None:
        mask, values = computed
        return mask, {name: pa.array(array, from_pandas=True) for name, array in values.items()}
    from csvswarm.processor_api.dataframe import to_frame  # imports pandas, which most expressions do not need

    frame = to_frame(rows, context.schema)
    mask = None
    if context.options["where"]:
        mask = Expression(context.options["where"], context.names, "where").mask(frame)
        frame = frame[mask]
    series = {str(name): frame[name] for name in frame}
    derived: dict[str, pa.Array] = {}
    for name, expression in _assigned(context):
        series[name] = expression.value(series, frame.index)
        derived[name] = as_arrow(series[name])
    return mask, derived


def _plain_columns(rows: Rows, context: Context) -> dict[str, Array]:
    return {name: rows.plain(name) for name in columns(context) if _is_plain(name, context)}


def _is_plain(name: str, context: Context) -> bool:
    """Whether the values of a column are int64 or float64 in every block."""
    return context.type_of(name) in KINDS and not (context.type_of(name) == "int" and name in context.schema.missing)


def _compute_with_numpy(plain: dict[str, Array], context: Context) -> tuple[Array | None, dict[str, Array]] | None:
    """Return the result of `compute` on columns of plain numbers; None if it needs pandas."""
    mask = None
    if context.options["where"]:
        mask = Expression(context.options["where"], context.names, "where").evaluate_with_numpy(plain)
        if mask is None or mask.dtype != np.bool_:
            return None
        plain = {name: array[mask] for name, array in plain.items()}
    derived: dict[str, Array] = {}
    for name, expression in _assigned(context):
        values = expression.evaluate_with_numpy(plain)
        if values is None:
            return None
        plain[name] = derived[name] = values
    return mask, derived


def _assigned(context: Context) -> Iterator[tuple[str, Expression]]:
    """Yield the new columns; each may use the previous ones."""
    known = list(context.names)
    for name, text in (context.options["assign"] or {}).items():
        yield name, Expression(str(text), known, f"assign {name!r}")
        known.append(name)


def header(context: Context, record: bytes) -> bytes:
    """Return the header of the result, with names copied from the input's header `record`."""
    wanted = result_columns(context)
    grammar = Grammar(context.dialect)
    structure = grammar.scan(record)
    array = np.frombuffer(record, np.uint8)
    delimiters = unquoted(np.flatnonzero(array == grammar.delimiter), structure.quote_toggles, False).tolist()
    starts, ends = [0, *(position + 1 for position in delimiters)], [*delimiters, len(record)]
    own = {name: record[a:b] for name, a, b in zip(context.names, starts, ends, strict=True)}
    new = {name: quote_field(name, context.dialect).encode() for name in wanted if name not in own}
    fields = [own.get(name, new.get(name, b"")) for name in wanted]
    return context.dialect.delimiter.encode().join(fields) + context.dialect.lineterminator.encode()


def result_columns(context: Context) -> list[str]:
    """Return the names of the result's columns."""
    if context.options["columns"]:
        return list(context.options["columns"])
    new = [name for name in context.options["assign"] or {} if name not in context.names]
    return [*context.names, *new]


def write(rows: Rows, kept: Array, wanted: list[str], text: dict[str, pa.Array], context: Context) -> Data:
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

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
from csvswarm.csv_format.canonical_text import as_arrow, output_type, to_canonical_text
from csvswarm.csv_format.row_writer import to_field
from csvswarm.errors import OptionError
from csvswarm.expressions.rowwise import Expression
from csvswarm.native.row_writing import write_rows
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.encoded_rows import EncodedRows
from csvswarm.reading.rows import Rows
from csvswarm.records.derived_records import header_of, write_records
from csvswarm.records.plain_values import plain_values, type_name
from csvswarm.records.step_rows import with_columns
from csvswarm.runtime.lazy_imports import pa
from csvswarm.types.schema import ARROW

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
    return _encode(rows, *compute(rows, context), context)


def step(rows: Rows, context: Context, raw: bool) -> Rows:
    """Return the kept rows with their new columns, for the next step. raw: whether it needs the raw records."""
    mask, derived = compute(rows, context)
    numbers = rows.numbers if mask is None else rows.numbers[mask]
    table = rows.table if mask is None else rows.table.filter(pa.array(mask))
    found = {name: table.column(name) for name in table.column_names}
    found |= {name: plain_values(values) for name, values in derived.items()}
    kept = [name for name in result_columns(context) if name in found]
    if not raw:
        return with_columns(found, kept, numbers)
    return with_columns(found, kept, numbers, _encode(rows, mask, derived, context).data, context)


def keeps_all_rows(options: dict[str, Any]) -> bool:
    """Whether `step` drops no row."""
    return not options["where"]


def outline(context: Context) -> tuple[list[str], dict[str, str]]:
    """Return (names of the columns after this step, types of the new ones)."""
    needed = {name: pa.array([], ARROW[context.type_of(name)]) for name in columns(context)}
    _, derived = compute(Rows(pa.table(needed), np.empty(0, np.int64)), context)
    types = {name: type_name(plain_values(values).type) for name, values in derived.items()}
    names = result_columns(context)
    return names, {name: types[name] for name in names if name in types}


def _encode(rows: Rows, mask: Array | None, derived: dict[str, pa.Array], context: Context) -> EncodedRows:
    wanted = result_columns(context)
    kinds: list[str | None] = ["text" if name not in derived else output_type(derived[name]) for name in wanted]
    forced = context.schema.output or kinds
    text = {
        name: to_field(to_canonical_text(derived[name], kind), kind, context.dialect)[0]
        for name, kind in zip(wanted, forced, strict=True)
        if name in derived
    }
    kept = np.arange(len(rows)) if mask is None else np.flatnonzero(mask)
    data = write_records(rows, kept, wanted, text, context)
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
    if not (context.options["where"] or context.options["assign"]):
        return None, {}
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
    return header_of(result_columns(context), context, record)


def result_columns(context: Context) -> list[str]:
    """Return the names of the result's columns."""
    if context.options["columns"]:
        return list(context.options["columns"])
    new = [name for name in context.options["assign"] or {} if name not in context.names]
    return [*context.names, *new]

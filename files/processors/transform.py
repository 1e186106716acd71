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
from csvswarm.expressions.operands import ArrowOperand, Masked, Operand, Text
from csvswarm.expressions.rowwise import Expression
from csvswarm.native.record_scan import scan
from csvswarm.native.row_writing import Fields, Values, write_rows
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.encoded_rows import EncodedRows
from csvswarm.reading.native_block import ArrowColumn, NumericColumn, ScannedBlock, TextColumn
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
#: A mask of the kept rows, None for all, and new columns of these.
Computed = tuple[Array | None, dict[str, Array | Operand]]


def columns(context: Context) -> list[str]:
    """Return the columns named in expressions, after validating the options as far as possible before processing."""
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
    """Return whether every record is kept."""
    return not context.options["where"]


def why_empty(context: Context, rows: int) -> str:
    """Return why the result has no rows: only `where` drops records."""
    return f"The result has no rows: where ({context.options['where']}) keeps none of the {rows:,} records."


def process(rows: Rows, context: Context) -> EncodedRows:
    """Return the kept rows, encoded in the input's dialect."""
    computed = _compute_without_pandas(_operands(rows, context), context)
    if computed is not None and (written := _process_native(rows, *computed, context)) is not None:
        return written
    return _encode(rows, *_as_arrow(rows, computed, context), context)


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
    """Whether `step` keeps every row."""
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


def _process_native(
    rows: Rows, mask: Array | None, values: dict[str, Array | Operand], context: Context
) -> EncodedRows | None:
    """Return the result of `process` directly from bytes; None if it needs Arrow. mask, values: as computed."""
    dialect, block, own = context.dialect, rows.block, context.names
    derived = {name: one for name, one in values.items() if isinstance(one, (np.ndarray, Masked))}
    if block is None or dialect.lineterminator != "\n" or dialect.delimiter in "+-." or len(derived) < len(values):
        return None
    wanted = result_columns(context)
    copied = [] if wanted[: len(own)] == own and not derived.keys() & own else [n for n in wanted if n not in derived]
    if not copied and mask is None and len(wanted) == len(own):
        return None  # the input itself
    fields = _fields(block, copied, context)
    if fields is None:
        return None
    kinds = [_kind(derived[name]) if name in derived else "text" for name in wanted]
    forced: list[str | None] = list(context.schema.output or kinds)
    columns = [] if copied or derived.keys() & own else [_records(block)]
    for name, kind, expected in zip(wanted, kinds, forced, strict=True):
        if name in fields:
            columns.append(fields[name])
        elif name in derived:
            if kind == "" or (kind not in (None, expected) and (kind, expected) != ("int", "float")):
                return None
            columns.append(_values(derived[name], as_float=kind == "int" and expected == "float"))
    kept = len(rows) if mask is None else int(np.count_nonzero(mask))
    data = write_rows(block.data, len(rows), mask, columns, dialect.delimiter, dialect.quotechar)
    return None if data is None else EncodedRows(data, kept, wanted, forced)


def _fields(block: ScannedBlock, names: list[str], context: Context) -> dict[str, Fields | Values] | None:
    """Return the fields of some columns of the input; None if the kernel declines."""
    if not names:
        return {}
    indexes = sorted({context.names.index(name) for name in names})
    delimiter = ord(context.dialect.delimiter)
    found = scan(block.data, delimiter, block.quote, len(context.names), indexes, len(block))
    if found is None:
        return None
    spans = zip(indexes, found.starts, found.stops, strict=True)
    return {context.names[index]: Fields(starts, stops) for index, starts, stops in spans}


def _records(block: ScannedBlock) -> Fields | Values:
    return Fields(np.concatenate([np.zeros(1, np.int32), block.ends[:-1] + np.int32(1)]), block.ends)


def _kind(values: Array | Masked) -> str | None:
    """Return the kind of a new column: None if all values are missing, empty if it is not written here."""
    if isinstance(values, Masked):
        return None if values.missing.all() else "int" if values.dtype == np.int64 else ""
    return None if _is_all_missing(values) else NAMES.get(values.dtype.char, "")


def _values(values: Array | Masked, as_float: bool) -> Values:
    plain, missing = (values.values, values.missing) if isinstance(values, Masked) else (values, None)
    return Values(plain.astype(np.float64) if as_float else plain, missing)


def _is_all_missing(values: Array) -> bool:
    return not len(values) or (values.dtype == np.float64 and bool(np.isnan(values[0]) and np.isnan(values).all()))


def needs_pandas(context: Context) -> bool:
    """Whether the expressions need pandas."""
    none: dict[str, Any] = {}
    for name in columns(context):
        kind = context.type_of(name)
        if kind in KINDS:
            values = np.empty(0, KINDS[kind])
            none[name] = values if _is_plain(name, context) else Masked(values, np.empty(0, np.bool_))
        elif kind == "text":
            none[name] = Text(None, None)
        elif kind == "timestamp":
            none[name] = _timestamps(pa.array([], ARROW[kind]))
    is_given = bool(context.options["where"] or context.options["assign"])
    return is_given and _compute_without_pandas(none, context) is None


def compute(rows: Rows, context: Context) -> tuple[Array | None, dict[str, pa.Array]]:
    """Return (mask of the kept rows, None for all; new columns of the kept rows)."""
    return _as_arrow(rows, _compute_without_pandas(_operands(rows, context), context), context)


def _as_arrow(rows: Rows, computed: Computed | None, context: Context) -> tuple[Array | None, dict[str, pa.Array]]:
    """Return the result of `compute`. computed: without pandas, None if that is not possible."""
    if computed is not None:
        mask, values = computed
        return mask, {name: _arrow(one) for name, one in values.items()}
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


def _operands(rows: Rows, context: Context) -> dict[str, Array | Operand]:
    """Return the columns on which expressions need no pandas."""
    found: dict[str, Array | Operand] = {}
    for name in columns(context):
        column = rows.block.columns.get(name) if rows.block else None
        if _is_plain(name, context):
            found[name] = rows.plain(name)
        elif isinstance(column, NumericColumn) and column.values.dtype == np.int64:
            missing = np.zeros(len(rows), np.bool_) if column.missing is None else column.missing
            found[name] = Masked(column.values, missing)
        elif isinstance(column, TextColumn):
            found[name] = Text(column.span, column.null_values)
        elif isinstance(column, ArrowColumn) and context.type_of(name) == "timestamp":
            found[name] = _timestamps(column.array)
    return found


def _timestamps(array: pa.Array) -> Operand:
    from csvswarm.expressions.arrow_operands import Timestamps  # imports pyarrow

    return Timestamps(array)


def _arrow(values: Array | Operand) -> pa.Array:
    if isinstance(values, Masked):
        return pa.array(values.values, mask=values.missing)
    return values.array if isinstance(values, ArrowOperand) else pa.array(values, from_pandas=True)


def _is_plain(name: str, context: Context) -> bool:
    """Whether the values of a column are int64 or float64 in every block."""
    return context.type_of(name) in KINDS and not (context.type_of(name) == "int" and name in context.schema.missing)


def _compute_without_pandas(found: dict[str, Any], context: Context) -> Computed | None:
    """Return (mask of the kept rows, None for all; values of new columns), None if the expressions need pandas."""
    mask = None
    if context.options["where"]:
        true = Expression(context.options["where"], context.names, "where").evaluate_without_pandas(found)
        if true is None or true.dtype != np.bool_:
            return None
        mask = true.is_true() if isinstance(true, Masked) else np.asarray(true)
        used = set().union(*(expression.columns for _, expression in _assigned(context)))
        found = {name: found[name][mask] for name in used & found.keys()}
    derived: dict[str, Array | Operand] = {}
    for name, expression in _assigned(context):
        values = expression.evaluate_without_pandas(found | derived)
        if values is None or values.dtype.kind == "M" or (isinstance(values, Masked) and values.dtype != np.int64):
            return None
        derived[name] = values.texts() if isinstance(values, Text) else values
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

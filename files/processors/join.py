"""join: columns of a lookup file added to each record, or the records that it has or lacks.

The lookup file is a side file of the job (`-e files=`), and must fit in memory; each key occurs in it once. Records and
added values keep their text. A missing key equals no other, as in SQL.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from csvswarm.csv_format.row_writer import to_field
from csvswarm.errors import OptionError
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.encoded_rows import EncodedRows
from csvswarm.reading.rows import Rows
from csvswarm.records.derived_records import header_of, write_records
from csvswarm.records.lookup import Lookup, read_lookup
from csvswarm.records.options import key_columns
from csvswarm.records.step_rows import with_columns
from csvswarm.runtime.lazy_imports import pa

OPTIONS = {
    "file": {"type": "str", "required": True, "description": "name of the lookup file, one of the files of the job"},
    "on": {"type": "list", "elements": "str", "required": True, "description": "columns of the key in the input"},
    "lookup_on": {
        "type": "list",
        "elements": "str",
        "description": "names of these columns in the lookup file; default: as in on",
    },
    "how": {
        "type": "str",
        "choices": ["left", "inner", "anti"],
        "default": "left",
        "description": "left keeps all records, inner those whose key the lookup file has, anti the others",
    },
    "columns": {"type": "list", "elements": "str", "description": "columns to add; default: all but the key"},
    "prefix": {"type": "str", "default": "", "description": "text before the names of the added columns"},
}
BLOCK = "rows"
RAW = True  # records are copied from the file

Array = np.ndarray[Any, Any]


def columns(context: Context) -> list[str]:
    """Return the columns of the key. Raises OptionError."""
    on = key_columns(context, "on", "join")
    lookup = _lookup(context)
    _lookup_on(lookup, context)
    _added(lookup, context)
    return on


def copied_columns(context: Context) -> list[str]:
    """Return the columns of the input: records are copied."""
    return context.names


def numeric_columns(_: Context) -> list[str]:
    """Return no column: keys are compared as they are."""
    return []


def why_empty(context: Context, rows: int) -> str:
    """Return why the result has no rows."""
    has = "has the keys of all" if context.options["how"] == "anti" else "has the key of none of the"
    return f"The result has no rows: {context.options['file']} {has} {rows:,} records."


def process(rows: Rows, context: Context) -> EncodedRows:
    """Return the kept records with the added columns."""
    return _encode(rows, *_match(rows, context), context)


def step(rows: Rows, context: Context, raw: bool) -> Rows:
    """Return the kept rows with the added columns, for the next step. raw: whether it needs the raw records."""
    kept, places = _match(rows, context)
    lookup = _lookup(context)
    table = rows.table.take(pa.array(kept))
    found = {name: table.column(name) for name in table.column_names}
    found |= {new: _taken(lookup.values(own), places) for new, own in _added(lookup, context).items()}
    data = _encode(rows, kept, places, context).data if raw else None
    return with_columns(found, list(found), rows.numbers[kept], data, context)


def outline(context: Context) -> tuple[list[str], dict[str, str]]:
    """Return (names of the columns after this step, types of the new ones)."""
    lookup = _lookup(context)
    added = {new: lookup.types[own] for new, own in _added(lookup, context).items()}
    return [*context.names, *added], added


def keeps_all_rows(options: dict[str, Any]) -> bool:
    """Whether `step` keeps every row."""
    return bool(options["how"] == "left")


def header(context: Context, record: bytes) -> bytes:
    """Return the header of the result, given that of the input."""
    return header_of([*context.names, *_added(_lookup(context), context)], context, record)


def _match(rows: Rows, context: Context) -> tuple[Array, Array]:
    """Return (indices of the kept rows, row of the lookup file for each of them, -1 for none)."""
    on, lookup = context.options["on"], _lookup(context)
    keys = [rows.table.column(name).combine_chunks() for name in on]
    places = lookup.rows_of(keys, [context.type_of(name) for name in on], _lookup_on(lookup, context))
    how = context.options["how"]
    kept = np.arange(len(rows)) if how == "left" else np.flatnonzero((places < 0) == (how == "anti"))
    return kept, places[kept]


def _encode(rows: Rows, kept: Array, places: Array, context: Context) -> EncodedRows:
    lookup = _lookup(context)
    text = {
        new: to_field(_taken(lookup.text(own), places), "text", context.dialect)[0]
        for new, own in _added(lookup, context).items()
    }
    wanted = [*context.names, *text]
    return EncodedRows(write_records(rows, kept, wanted, text, context), len(kept), wanted, ["text"] * len(wanted))


def _taken(values: pa.Array, places: Array) -> pa.Array:
    """Return the values at these indices, missing where an index is -1."""
    return values.take(pa.array(places, mask=places < 0))


def _lookup(context: Context) -> Lookup:
    return read_lookup(context.file(context.options["file"]))


def _lookup_on(lookup: Lookup, context: Context) -> list[str]:
    """Return the columns of the key in the lookup file. Raises OptionError."""
    on, own = context.options["on"], context.options["lookup_on"]
    if own is not None and len(own) != len(on):
        raise OptionError(f"option 'lookup_on' of join names {len(own)} columns, but 'on' names {len(on)}.")
    lookup.require(own or on, f"option {'on' if own is None else 'lookup_on'!r} of join")
    return list(own or on)


def _added(lookup: Lookup, context: Context) -> dict[str, str]:
    """Return the added columns: name -> column of the lookup file. Raises OptionError."""
    options = context.options
    if options["how"] == "anti":
        if options["columns"] is not None:
            raise OptionError("option 'columns' of join needs how=left or how=inner: anti adds no columns.")
        return {}
    key = _lookup_on(lookup, context)
    own = [name for name in lookup.names if name not in key] if options["columns"] is None else options["columns"]
    lookup.require(own, "option 'columns' of join")
    added = {f"{options['prefix']}{name}": name for name in own}
    for name in added:
        if name in context.names:
            raise OptionError(
                f"join would add a column {name!r}, which the input has: choose others with the option 'columns', or "
                "pass a 'prefix' for their names."
            )
    return added

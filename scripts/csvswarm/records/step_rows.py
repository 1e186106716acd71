"""Rows between two steps of a job: their typed columns and, if a later step copies records, their raw records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from csvswarm.csv_format.canonical_text import Data
from csvswarm.csv_format.raw_records import raw_records
from csvswarm.csv_format.record_scan import Grammar
from csvswarm.csv_format.row_writer import value_bytes
from csvswarm.processor_api.context import Context
from csvswarm.reading.rows import Rows
from csvswarm.runtime.lazy_imports import pa


def with_columns(
    columns: Mapping[str, Any],
    names: Sequence[str],
    numbers: npt.NDArray[np.int64],
    data: Data | None = None,
    context: Context | None = None,
) -> Rows:
    """Return rows with some of the columns. data: their raw records in the dialect of the context, if needed."""
    table = pa.table([columns[name] for name in names], names=list(names)) if names else pa.table({})
    if data is None or context is None:
        return Rows(table, numbers)
    raw, ends, toggles = raw_records(bytes(data), Grammar(context.dialect))
    return Rows(table, numbers, raw, ends, lambda: toggles)


def select_columns(rows: Rows, names: Sequence[str]) -> Rows:
    """Return rows with some of their columns, in this order."""
    return Rows(rows.table.select(list(names)), rows.numbers, rows.data, rows.ends, lambda: rows.toggles)


def filter_rows(rows: Rows, mask: npt.NDArray[np.bool_], context: Context, *, raw: bool) -> Rows:
    """Return the rows for which the mask is true. raw: whether their raw records are needed."""
    table = rows.table.filter(pa.array(mask))
    columns = {name: table.column(name) for name in table.column_names}
    data = value_bytes(rows.records().filter(pa.array(mask))) if raw else None
    return with_columns(columns, table.column_names, rows.numbers[mask], data, context)

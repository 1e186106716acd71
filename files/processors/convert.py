"""convert: every record unchanged, as canonical CSV or, with `output_format`, in another format.

Values are read with the types of the whole file and written in their canonical text (docs/format.md): 1.234,50 becomes
1234.5, 31.01.2024 with a date_format becomes 2024-01-31 00:00:00. `transform` without options copies the text instead.
"""

from __future__ import annotations

from csvswarm.processor_api.context import Context
from csvswarm.reading.rows import Rows
from csvswarm.runtime.lazy_imports import pa

BLOCK = "rows"
ARROW = True


def result_columns(context: Context) -> list[str]:
    """Return the columns of the result: all columns of the input."""
    return list(context.names)


def keeps_rows(_: Context) -> bool:
    """Return whether the result has one row for each record: always."""
    return True


def numeric_columns(_: Context) -> list[str]:
    """Return no column: none must be numeric."""
    return []


def process(rows: Rows, _: Context) -> pa.Table:
    """Return the rows unchanged."""
    return rows.table

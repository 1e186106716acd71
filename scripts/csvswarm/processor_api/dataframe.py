"""Converts rows to the DataFrame that a processor gets, and its return value to columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from csvswarm.csv_format.canonical_text import as_arrow
from csvswarm.errors import ProcessorError
from csvswarm.reading.rows import Rows
from csvswarm.runtime.lazy_imports import enable_pandas, pa
from csvswarm.types.schema import Schema


def to_frame(rows: Rows, schema: Schema) -> pd.DataFrame:
    """Return rows as a DataFrame with the same dtypes for every block of the file.

    int -> int64, or Int64 if the column has a missing value anywhere in the file; float and all-missing -> float64;
    bool -> bool or boolean; text -> str; timestamp -> datetime64[us]. The index is the record's position in the file,
    from 0, as in a single pass of pandas.
    """
    enable_pandas()
    numbers = rows.numbers
    if len(numbers) and numbers[-1] - numbers[0] == len(numbers) - 1:
        index: pd.Index[int] = pd.RangeIndex(int(numbers[0]) - 1, int(numbers[-1]))
    else:
        index = pd.Index(numbers - 1)
    data = {name: _series(rows.table.column(name), name, schema) for name in rows.table.column_names}
    return pd.DataFrame(data, index=index, copy=False) if data else pd.DataFrame(index=index)


def _series(column: pa.ChunkedArray, name: str, schema: Schema) -> Any:
    kind = schema.type_of(name)
    if kind in ("int", "bool") and name in schema.missing:
        dtype: Any = pd.Int64Dtype() if kind == "int" else pd.BooleanDtype()
        return column.to_pandas(types_mapper=lambda _: dtype).array
    if kind in ("int", "float", "null", "bool"):
        return np.array(column.to_numpy())  # a copy: Arrow's memory is read-only, but processors may modify columns
    return column.to_pandas().array


def to_columns(result: Any, processor: str) -> tuple[list[str], list[pa.Array]]:
    """Return (names, arrays) of a processor's return value; named index levels come first, as columns.

    Raises ProcessorError if it is not a DataFrame.
    """
    if not isinstance(result, pd.DataFrame):
        raise ProcessorError(
            f"processor {processor} returned {type(result).__name__}, "
            "but process, combine and finish must return a DataFrame."
        )
    if any(name is not None for name in result.index.names):
        result = result.reset_index()
    names = [str(name) for name in result.columns]
    return names, [as_arrow(result.iloc[:, index]) for index in range(len(names))]

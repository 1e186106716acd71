"""Writes rows in the kernel: fields of records with new values, and whole tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from csvswarm.native.field_values import EncodedNullValues
from csvswarm.native.library import kernel
from csvswarm.native.record_scan import Offsets
from csvswarm.types.schema import NULL_VALUES

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = npt.NDArray[np.generic]

#: Maximum bytes of a number's text and the delimiter before it.
MAX_NUMBER_BYTES = 32
KINDS = {np.dtype(np.int64): 0, np.dtype(np.float64): 1, np.dtype(np.bool_): 2}
#: The struct Output of append_columns.c.
OUTPUT_DTYPE = np.dtype([(name, np.int64) for name in ("kind", "values", "missing", "starts", "stops")])
FIELDS = len(KINDS)


@dataclass(frozen=True)
class Fields:
    """Fields to be copied: the positions of one in every record."""

    starts: Offsets
    stops: Offsets


@dataclass(frozen=True)
class Values:
    """New values of the kept records: int64, float64 (NaN is missing) or bool. missing: mask, None for no other."""

    values: Numbers
    missing: npt.NDArray[np.bool_] | None = None


def write_rows(
    data: bytes,
    rows: int,
    mask: npt.NDArray[np.bool_] | None,
    columns: Sequence[Fields | Values],
    delimiter: str,
    quote: str,
) -> memoryview | None:
    """Return the records of `data` that `mask` keeps, as rows of these columns; None without a kernel."""
    if (library := kernel()) is None:
        return None
    kept = rows if mask is None else int(np.count_nonzero(mask))
    described = np.zeros(len(columns), OUTPUT_DTYPE)
    alive: list[Numbers] = []
    max_bytes = 2 * kept + sum(_describe(*pair, kept, alive) for pair in zip(described, columns, strict=True))
    chosen = None if mask is None else np.ascontiguousarray(mask)
    out = np.empty(max_bytes, np.uint8)
    address = None if chosen is None else chosen.ctypes.data
    given = address, rows, ord(delimiter), ord(quote or "\0"), len(columns), described.ctypes.data
    size = library.csvswarm_rows(data, *given, out.ctypes.data)
    return out[:size].data


def _describe(target: np.void, column: Fields | Values, kept: int, alive: list[Numbers]) -> int:
    """Fill in the addresses of a column; return the maximum bytes of its text. alive: gets the arrays to keep."""
    if isinstance(column, Fields):
        target["kind"], target["starts"], target["stops"] = FIELDS, column.starts.ctypes.data, column.stops.ctypes.data
        return kept + int((column.stops - column.starts).sum(dtype=np.int64))
    if len(column.values) != kept:
        raise ValueError("new columns need one value per kept record")
    values = np.ascontiguousarray(column.values)
    alive.append(values)
    target["kind"], target["values"] = KINDS[values.dtype], values.ctypes.data
    if column.missing is not None:
        missing = np.ascontiguousarray(column.missing)
        alive.append(missing)
        target["missing"] = missing.ctypes.data
    return kept * MAX_NUMBER_BYTES


#: The struct Column of write_table.c.
COLUMN_DTYPE = np.dtype([(name, np.int64) for name in ("kind", "shift", "per_second", "values", "valid", "offsets")])
TABLE_KINDS = {"int64": 0, "double": 1, "bool": 2, "string": 3, "large_string": 4}
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
MAX_TIMESTAMP_BYTES = 30


def can_write(kind: pa.DataType) -> bool:
    """Return whether `write_table` takes arrays of a type: int64, double, bool, text, timestamps without a zone."""
    return str(kind) in TABLE_KINDS or str(kind) in {f"timestamp[{unit}]" for unit in PER_SECOND}


def write_table(arrays: Sequence[pa.Array], delimiter: str, quote: str) -> memoryview | None:
    """Return arrays of one length as rows of canonical text; None without a kernel, or if it declines a year.

    arrays: of types that `can_write` accepts; NaN is missing.
    """
    if (library := kernel()) is None:
        return None
    rows = len(arrays[0])
    columns = np.zeros(len(arrays), COLUMN_DTYPE)
    max_bytes = rows * len(arrays) + 2 * rows
    for column, array in zip(columns, arrays, strict=True):
        max_bytes += _describe_column(column, array, quote)
    out = np.empty(max_bytes, np.uint8)
    size = library.csvswarm_table(
        rows,
        len(arrays),
        columns.ctypes.data,
        ord(delimiter),
        ord(quote),
        *_null_values().arguments,
        out.ctypes.data,
    )
    return None if size < 0 else out[:size].data


def _describe_column(column: np.void, array: pa.Array, quote: str) -> int:
    """Fill in the addresses of an array; return the maximum bytes of its text, without delimiters."""
    kind, rows = str(array.type), len(array)
    buffers = array.buffers()
    valid, first, last = buffers[0], buffers[1], buffers[-1]
    column["shift"] = array.offset
    column["valid"] = valid.address if valid is not None and array.null_count else 0
    column["values"] = 0 if last is None else last.address
    if kind in ("string", "large_string"):
        column["kind"] = TABLE_KINDS[kind]
        width = np.dtype(np.int32 if kind == "string" else np.int64)
        offsets = np.frombuffer(first or bytes(width.itemsize), width)[array.offset :][: rows + 1]
        column["offsets"] = offsets.ctypes.data
        text = np.frombuffer(last or b"", np.uint8)[offsets[0] : offsets[-1]]
        return int(text.size + np.count_nonzero(text == ord(quote)) + 2 * rows)
    if kind != "bool":  # whose values are bits
        column["values"] += 8 * array.offset
    if kind in TABLE_KINDS:
        column["kind"] = TABLE_KINDS[kind]
        return MAX_NUMBER_BYTES * rows
    column["kind"], column["per_second"] = len(TABLE_KINDS), PER_SECOND[array.type.unit]
    return MAX_TIMESTAMP_BYTES * rows


@cache
def _null_values() -> EncodedNullValues:
    return EncodedNullValues(NULL_VALUES)

"""Writes rows in the kernel: records with new numbers appended, and whole tables."""

from __future__ import annotations

from collections.abc import Sequence
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


def write_rows(
    data: bytes, ends: Offsets, mask: npt.NDArray[np.bool_] | None, columns: Sequence[Numbers], delimiter: str
) -> memoryview | None:
    """Return the records of `data` that `mask` keeps, with the new columns appended; None without a kernel.

    ends: offset of the LF of every record. columns: int64, float64 (NaN: empty) or bool, a value per kept record.
    """
    if (library := kernel()) is None:
        return None
    values = [np.ascontiguousarray(column) for column in columns]
    rows = len(ends) if mask is None else int(np.count_nonzero(mask))
    if any(len(column) != rows for column in values):
        raise ValueError("new columns need one value per kept record")
    kinds = np.array([KINDS[column.dtype] for column in values], np.int32)
    pointers = np.array([column.ctypes.data for column in values], np.uintp)
    kept = None if mask is None else np.ascontiguousarray(mask)
    out = np.empty(len(data) + rows * len(values) * MAX_NUMBER_BYTES, np.uint8)
    size = library.csvswarm_rows(
        data,
        ends.ctypes.data,
        None if kept is None else kept.ctypes.data,
        len(ends),
        ord(delimiter),
        len(values),
        kinds.ctypes.data,
        pointers.ctypes.data,
        out.ctypes.data,
    )
    return out[:size].data


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

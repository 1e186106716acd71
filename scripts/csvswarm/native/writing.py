"""Rows written by the kernel: records as they stand, with new numbers at their ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .library import kernel
from .scan import Places

Numbers = npt.NDArray[np.generic]

#: Room for the text of a number, and the delimiter before it.
MOST_BYTES = 32
KINDS = {np.dtype(np.int64): 0, np.dtype(np.float64): 1, np.dtype(np.bool_): 2}


def write_rows(
    data: bytes, ends: Places, mask: npt.NDArray[np.bool_] | None, columns: Sequence[Numbers], delimiter: str
) -> memoryview | None:
    """Return the records of `data` that `mask` keeps, each with its values of the new columns; None without a kernel.

    ends: place of the LF of every record. columns: int64, float64 (NaN: nothing) or bool, a value per kept record.
    """
    if (library := kernel()) is None:
        return None
    values = [np.ascontiguousarray(column) for column in columns]
    rows = len(ends) if mask is None else int(np.count_nonzero(mask))
    if any(len(column) != rows for column in values):
        raise ValueError("new columns need a value for each record that is kept")
    kinds = np.array([KINDS[column.dtype] for column in values], np.int32)
    pointers = np.array([column.ctypes.data for column in values], np.uintp)
    kept = None if mask is None else np.ascontiguousarray(mask)
    out = np.empty(len(data) + rows * len(values) * MOST_BYTES, np.uint8)
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

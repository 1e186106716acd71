"""Groups rows in the kernel: codes for texts, and counts, exact sums and extremes per group."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from csvswarm.native.field_values import EncodedNullValues, Span
from csvswarm.native.library import kernel
from csvswarm.native.record_scan import Offsets

Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.generic]

#: Maximum number of sums, over all groups and levels.
MAX_SUMS = 1 << 22


def codes_of(span: Span, nulls: EncodedNullValues) -> tuple[Offsets, Offsets] | None:
    """Return (group of every row, -1 where the text is missing; the first row of every group).

    None if the kernel declines.
    """
    if (library := kernel()) is None:
        return None
    slots = 1 << (2 * len(span)).bit_length()
    table, codes, firsts = np.zeros(slots, np.int32), np.empty(len(span), np.int32), np.empty(len(span), np.int32)
    found = table.ctypes.data, slots, codes.ctypes.data, firsts.ctypes.data
    groups = library.csvswarm_groups(*span.arguments, *nulls.arguments, *found)
    return None if groups < 0 else (codes, firsts[:groups])


def sums_of(values: npt.NDArray[np.float64], codes: Offsets, groups: int) -> dict[int, Integers] | None:
    """Return level -> sum of every group, like `exact_sum.add_up`; NaN and rows without a group are skipped.

    None if the kernel declines, as for infinities.
    """
    if (library := kernel()) is None:
        return None
    ends = np.zeros(2, np.int32)
    status = library.csvswarm_levels(values.ctypes.data, len(values), ends.ctypes.data)
    if status:
        return {} if status > 0 else None
    lowest, highest = ends.tolist()
    levels = highest - lowest + 1
    if levels * groups > MAX_SUMS:
        return None
    sums = np.zeros((groups, levels), np.int64)
    given = values.ctypes.data, codes.ctypes.data, len(values), groups, lowest, levels
    if library.csvswarm_sums(*given, sums.ctypes.data):
        return None
    return {lowest + index: sums[:, index] for index in range(levels) if sums[:, index].any()}


def extremes_of(values: Numbers, codes: Offsets, groups: int) -> tuple[Integers, Integers, Integers] | None:
    """Return (number of values, smallest and largest key) of every group; keys are those of `sort_keys`.

    values: int64 or float64. NaN and rows without a group are skipped.
    """
    if (library := kernel()) is None:
        return None
    found = np.empty((3, groups), np.int64)
    given = values.ctypes.data, values.dtype == np.int64, codes.ctypes.data, len(values), groups
    if library.csvswarm_extremes(*given, *(row.ctypes.data for row in found)):
        return None
    return found[0], found[1], found[2]

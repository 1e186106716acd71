"""Converts fields to numbers and text in the kernel."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from csvswarm.native.library import kernel
from csvswarm.native.record_scan import Offsets

Array = npt.NDArray[np.generic]
Mask = npt.NDArray[np.bool_]

#: Kinds as the kernel returns them, one bit each.
GAP, QUOTED_NULL, BOOL, INT, FLOAT, TEXT, UNSURE = (1 << bit for bit in range(7))


class EncodedNullValues:
    """The null values in the format of the kernel."""

    def __init__(self, null_values: Sequence[str]) -> None:
        encoded = [value.encode() for value in null_values]
        self._bytes = b"".join(encoded)
        self._ends = np.cumsum([len(value) for value in encoded] or [0]).astype(np.int32)
        self._count = len(encoded)
        #: Whether the kernel might parse one as a number, unlike -nan and -1.#IND.
        self.numeric = any(re.fullmatch(r"[ \t]*[-+]?[0-9.][0-9.eE+-]*[ \t]*", value) for value in null_values)

    @property
    def arguments(self) -> tuple[bytes, int, int]:
        return self._bytes, self._ends.ctypes.data, self._count


@dataclass(frozen=True)
class Span:
    """The fields of one column in a block. quote: the quote byte, -1 if the block has none."""

    data: bytes
    starts: Offsets
    stops: Offsets
    quote: int

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def arguments(self) -> tuple[bytes, int, int, int, int]:
        return self.data, self.starts.ctypes.data, self.stops.ctypes.data, len(self.starts), self.quote

    def text(self, row: int) -> str:
        """Return the text of a field that contains no doubled quotes."""
        start, stop = int(self.starts[row]), int(self.stops[row])
        if stop - start > 1 and self.data[start] == self.quote:
            start, stop = start + 1, stop - 1
        return self.data[start:stop].decode()


def integers(span: Span, nulls: EncodedNullValues) -> tuple[npt.NDArray[np.int64], Mask | None] | None:
    """Return (values, mask of missing ones or None) of plain integers; None for anything else."""
    if (library := kernel()) is None:
        return None
    values, missing = np.empty(len(span), np.int64), np.empty(len(span), np.bool_)
    given = *span.arguments, *nulls.arguments, nulls.numeric
    gaps = library.csvswarm_integers(*given, values.ctypes.data, missing.ctypes.data)
    return None if gaps < 0 else (values, missing if gaps else None)


def floats(span: Span, nulls: EncodedNullValues) -> npt.NDArray[np.float64] | None:
    """Return the values of plain numbers, NaN where missing; None for anything else."""
    if (library := kernel()) is None:
        return None
    values, undecided_rows, undecided_count = np.empty(len(span)), np.empty(len(span), np.int32), ctypes.c_int64()
    given = *span.arguments, *nulls.arguments, nulls.numeric
    gaps = library.csvswarm_floats(
        *given, values.ctypes.data, undecided_rows.ctypes.data, ctypes.addressof(undecided_count)
    )
    if gaps < 0:
        return None
    for row in undecided_rows[: undecided_count.value].tolist():
        value = float(span.text(row))
        if not 1e-300 < abs(value) < 1e300:  # the Python implementation decides about zeros and infinities
            return None
        values[row] = value
    return values


def texts(span: Span, nulls: EncodedNullValues) -> tuple[Array, Offsets, Mask | None] | None:
    """Return (bytes, offsets, mask of missing ones or None) of fields as text, in Arrow's layout."""
    if (library := kernel()) is None:
        return None
    out = np.empty(int((span.stops - span.starts).sum(dtype=np.int64)), np.uint8)
    offsets, missing = np.empty(len(span) + 1, np.int32), np.empty(len(span), np.bool_)
    found = out.ctypes.data, offsets.ctypes.data, missing.ctypes.data
    gaps = library.csvswarm_texts(*span.arguments, *nulls.arguments, *found)
    return out[: offsets[-1]], offsets, missing if gaps else None


def kinds(span: Span, nulls: EncodedNullValues) -> int:
    """Return the kinds of all fields as bits."""
    library = kernel()
    return UNSURE if library is None else int(library.csvswarm_kinds(*span.arguments, *nulls.arguments))


def equal(span: Span, nulls: EncodedNullValues, text: str) -> Mask | None:
    """Return whether fields are a text; a missing one is not. None if the kernel declines."""
    if (library := kernel()) is None:
        return None
    encoded, found = text.encode(), np.empty(len(span), np.bool_)
    given = *span.arguments, *nulls.arguments, encoded, len(encoded)
    return None if library.csvswarm_equal(*given, found.ctypes.data) else found

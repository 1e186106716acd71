"""Scans blocks in the kernel: counts records, finds the quotes of fields, or the fields of some columns."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from csvswarm.native.library import kernel

Offsets = npt.NDArray[np.int32]

#: Offsets are numbers of 32 bits.
MAX_BYTES = (1 << 31) - 128


class Scan(NamedTuple):
    """Record ends of a block, and the start and stop of the fields of some columns.

    ends: shape (records,). starts, stops: shape (columns, records). has_quotes: whether there are quotes.
    has_literal_quotes: whether there are some in fields without quotes around them, as in 5" pipe. is_ascii: whether
    there is nothing but ASCII.
    """

    ends: Offsets
    starts: Offsets
    stops: Offsets
    has_quotes: bool
    has_literal_quotes: bool
    is_ascii: bool


def count(
    piece: bytes,
    delimiter: int,
    quote: int | None,
    previous_byte: int,
    inside_quotes: bool,
    at_record_start: bool,
    *,
    exact: bool,
) -> tuple[int, int, bool] | None:
    """Count the records that end in a piece, which is cut as `Grammar.read_piece` cuts it.

    previous_byte: the byte before the piece. inside_quotes: whether the piece starts inside quotes. at_record_start:
    whether a record starts with it. exact: whether all this is known; otherwise, an irregular piece is declined.
    Returns (records without blank lines, offset of the last line end or -1, whether the piece ends inside quotes); None
    when the kernel cannot decide.
    """
    if (library := kernel()) is None:
        return None
    out = np.empty(3, np.int64)
    given = len(piece), delimiter, _quote(quote), previous_byte, inside_quotes, at_record_start, exact
    if library.csvswarm_count(piece, *given, out.ctypes.data):
        return None
    return int(out[0]), int(out[1]), bool(out[2])


def toggles(
    piece: bytes, quotes: npt.NDArray[np.int64], delimiter: int, previous_byte: int, inside_quotes: bool
) -> tuple[npt.NDArray[np.int64], bool] | None:
    """Return (positions of the quotes that open or close a field, whether the piece ends inside quotes).

    quotes: the positions of all quotes. None without a kernel.
    """
    if (library := kernel()) is None:
        return None
    found, inside = np.empty(len(quotes), np.int64), ctypes.c_int32()
    given = len(piece), quotes.ctypes.data, len(quotes), delimiter, previous_byte, inside_quotes
    count = library.csvswarm_toggles(piece, *given, found.ctypes.data, ctypes.addressof(inside))
    return None if count < 0 else (found[:count], bool(inside.value))


def scan(
    data: bytes, delimiter: int, quote: int | None, width: int, columns: Sequence[int], rows: int | None = None
) -> Scan | None:
    """Return the scan of a block of whole records of `width` fields, of the columns with these indexes, ascending.

    data ends in LF. rows: the expected number of records. None if the kernel declines the block, or there is none.
    """
    if (library := kernel()) is None or len(data) > MAX_BYTES:
        return None
    # A record has at least one byte per field: its end.
    max_records = len(data) // width + 1 if rows is None else rows
    wanted = np.array(columns, np.int32)
    ends = np.empty(max_records, np.int32)
    spans = np.empty((2, len(columns), max_records), np.int32)
    out = np.empty(4, np.int64)
    given = len(data), delimiter, _quote(quote), width, wanted.ctypes.data, len(columns), max_records
    found = ends.ctypes.data, spans[0].ctypes.data, spans[1].ctypes.data, out.ctypes.data
    if library.csvswarm_fields(data, *given, *found):
        return None
    records, quoted, high, literal = out.tolist()
    if rows not in (None, records):
        return None
    return Scan(ends[:records], spans[0, :, :records], spans[1, :, :records], bool(quoted), bool(literal), not high)


#: What a record may contain, one bit each.
NUL, BEYOND_ASCII = 1, 2


def records(data: bytes, delimiter: int, quote: int | None) -> tuple[Offsets, Offsets, npt.NDArray[np.uint8]] | None:
    """Return (record ends, number of fields per record, bits of its contents) of a block.

    data ends in LF. None if the kernel declines.
    """
    if (library := kernel()) is None or len(data) > MAX_BYTES:
        return None
    max_records = data.count(b"\n")
    ends, fields, flags = (
        np.empty(max_records, np.int32),
        np.empty(max_records, np.int32),
        np.empty(max_records, np.uint8),
    )
    given = len(data), delimiter, _quote(quote), max_records
    found = library.csvswarm_records(data, *given, ends.ctypes.data, fields.ctypes.data, flags.ctypes.data)
    return None if found < 0 else (ends[:found], fields[:found], flags[:found])


def is_utf8(data: bytes) -> bool:
    """Whether bytes are UTF-8; False without a kernel."""
    library = kernel()
    return library is not None and bool(library.csvswarm_is_utf8(data, len(data)))


def with_line_feeds(data: bytes, delimiter: int, quote: int | None) -> bytes | None:
    """Return a block of whole records with an LF after each, instead of CRLF or the end of the file.

    None if the kernel declines, or there is none.
    """
    if (library := kernel()) is None:
        return None
    if not data.endswith(b"\n"):
        data += b"\n"
    if b"\r" not in data:
        return data
    out = np.empty(len(data), np.uint8)
    size = library.csvswarm_line_feeds(data, len(data), delimiter, _quote(quote), out.ctypes.data)
    return None if size < 0 else out[:size].tobytes()


def _quote(quote: int | None) -> int:
    return -1 if quote is None else quote

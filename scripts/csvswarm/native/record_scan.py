"""Blocks scanned by the kernel: their records counted, or the fields of some columns found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from csvswarm.native.library import kernel

Places = npt.NDArray[np.int32]

#: Places of bytes are numbers of 32 bits.
MOST_BYTES = (1 << 31) - 128


@dataclass(frozen=True)
class Scan:
    """Where the records of a block end, and the fields of some columns start and stop.

    ends: shape (records,). starts, stops: shape (columns, records). quoted: whether there are quotes. ascii: whether
    there is nothing but ASCII.
    """

    ends: Places
    starts: Places
    stops: Places
    quoted: bool
    ascii: bool


def count(
    piece: bytes, delimiter: int, quote: int | None, before: int, inside: bool, fresh: bool
) -> tuple[int, int, bool] | None:
    """Count the records that end in a piece, which is cut as `Grammar.read_piece` cuts it.

    before: the byte before the piece. inside: whether the piece starts inside quotes. fresh: whether a record starts
    with it. Returns (records without blank lines, offset of the last line end or -1, whether the piece ends inside
    quotes); None when the kernel cannot decide.
    """
    if (library := kernel()) is None:
        return None
    out = np.empty(3, np.int64)
    given = len(piece), delimiter, _quote(quote), before, inside, fresh
    if library.csvswarm_count(piece, *given, out.ctypes.data):
        return None
    return int(out[0]), int(out[1]), bool(out[2])


def scan(
    data: bytes, delimiter: int, quote: int | None, width: int, places: Sequence[int], rows: int | None = None
) -> Scan | None:
    """Return the scan of a block of whole records of `width` fields, of the columns at `places`, in ascending order.

    data ends in LF. rows: how many records there must be. None when the kernel cannot tell: then the block is not of
    the plain kind, or there is no kernel.
    """
    if (library := kernel()) is None or len(data) > MOST_BYTES:
        return None
    # A record has at least the bytes that end its fields.
    most = len(data) // width + 1 if rows is None else rows
    wanted = np.array(places, np.int32)
    ends = np.empty(most, np.int32)
    spans = np.empty((2, len(places), most), np.int32)
    out = np.empty(3, np.int64)
    given = len(data), delimiter, _quote(quote), width, wanted.ctypes.data, len(places), most
    found = ends.ctypes.data, spans[0].ctypes.data, spans[1].ctypes.data, out.ctypes.data
    if library.csvswarm_fields(data, *given, *found):
        return None
    records, quoted, high = out.tolist()
    if rows not in (None, records):
        return None
    return Scan(ends[:records], spans[0, :, :records], spans[1, :, :records], bool(quoted), not high)


#: What a record may hold, a bit each.
NUL, BEYOND_ASCII = 1, 2


def records(data: bytes, delimiter: int, quote: int | None) -> tuple[Places, Places, npt.NDArray[np.uint8]] | None:
    """Return (where the records of a block end, how many fields each has, what else it holds as bits).

    data ends in LF. None when the kernel cannot decide.
    """
    if (library := kernel()) is None or len(data) > MOST_BYTES:
        return None
    most = data.count(b"\n")
    ends, fields, seen = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.uint8)
    given = len(data), delimiter, _quote(quote), most
    found = library.csvswarm_records(data, *given, ends.ctypes.data, fields.ctypes.data, seen.ctypes.data)
    return None if found < 0 else (ends[:found], fields[:found], seen[:found])


def is_utf8(data: bytes) -> bool:
    """Whether bytes are UTF-8; only with a kernel."""
    library = kernel()
    return library is not None and bool(library.csvswarm_is_utf8(data, len(data)))


def _quote(quote: int | None) -> int:
    return -1 if quote is None else quote

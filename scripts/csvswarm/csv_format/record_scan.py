"""The quote-aware scan for record ends in bytes, on which everything else builds.

A quote is special only at a field's edge, as in Python's csv module, pandas and Arrow: it opens at the start of a
field, `""` inside a quoted field is one quote, and text after the closing quote is literal. If all quotes of a piece
are at edges ("regular"), quote parity shows what is quoted, and numpy decides for the whole piece; otherwise a
loop over the quotes gives the exact answer.
"""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from csvswarm.csv_format.dialect import Dialect
from csvswarm.errors import InputError
from csvswarm.native.record_scan import count as native_count
from csvswarm.native.record_scan import toggles as native_toggles

Positions = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

LF, CR = 10, 13
#: Bytes per step, so that intermediate arrays stay in the CPU cache.
CACHE_BYTES = 1 << 18
#: Limit of a record: it is read as a whole, so the memory of a worker grows with the longest one.
MAX_RECORD_BYTES = 64 << 20
NO_POSITIONS: Positions = np.empty(0, dtype=np.int64)


class Structure(NamedTuple):
    """The result of scanning one piece.

    ends: positions of the last byte of every record terminator (LF, CRLF, or a lone CR) outside quotes.
    quote_toggles: positions of the quotes that open or close a quoted field.
    ends_inside_quotes: whether the piece ends inside a quoted field. is_regular: whether parity was enough.
    """

    ends: Positions
    quote_toggles: Positions
    ends_inside_quotes: bool
    is_regular: bool


class Grammar:
    """Scans bytes by the rules of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.delimiter = ord(dialect.delimiter)
        self.quote = ord(dialect.quotechar) if dialect.quotechar else None
        self.is_field_end = np.zeros(256, dtype=bool)
        self.is_field_end[[self.delimiter, LF, CR]] = True
        self.undecided_bytes = {CR} | ({self.quote} if self.quote is not None else set())

    def read_piece(self, file: BinaryIO, size: int) -> bytes:
        """Read about `size` bytes that do not end between a quote or CR and the byte that decides its meaning."""
        return self.complete_piece(file.read(size), file)

    def complete_piece(self, piece: bytes, file: BinaryIO) -> bytes:
        """Return a piece, extended from its file until it ends as `read_piece` requires.

        Raises InputError if only quotes and CRs follow for more than the limit of a record.
        """
        step, max_bytes = 1, len(piece) + MAX_RECORD_BYTES
        while piece and piece[-1] in self.undecided_bytes and (more := file.read(step)):
            piece += more
            step *= 2
            if len(piece) > max_bytes:
                raise InputError(f"more than {MAX_RECORD_BYTES >> 20} MB consist only of quotes: is it a CSV?")
        return piece

    def decided(self, piece: bytes) -> bytes:
        """Return a piece without the quotes and CRs at its end, whose meaning the bytes after it decide."""
        while piece and piece[-1] in self.undecided_bytes:
            piece = piece[:-1]
        return piece

    def is_regular(self, piece: bytes, previous_byte: int, inside_quotes: bool) -> bool:
        """Whether every quote of a piece that starts inside quotes or not is at an edge (see the module)."""
        given = previous_byte, inside_quotes
        counted = native_count(piece, self.delimiter, self.quote, *given, False, exact=False)
        return counted is not None or self.scan(piece, previous_byte=given[0], inside_quotes=given[1]).is_regular

    def scan(self, piece: bytes, *, previous_byte: int = LF, inside_quotes: bool = False) -> Structure:
        """Return the structure of `piece`, which follows the byte `previous_byte` and starts inside quotes or not.

        The piece must end as `read_piece` ends it, or at the end of the file.
        """
        array = np.frombuffer(piece, dtype=np.uint8)
        # Finding positions is the main cost: one search finds quotes and line ends together.
        positions = positions_of(array, LF, self.quote)
        quoting = array[positions] == (LF if self.quote is None else self.quote)
        quotes = NO_POSITIONS if self.quote is None else positions[quoting]
        if not quotes.size:
            ends = self._with_lone_returns(array, piece, positions)
            return Structure(NO_POSITIONS if inside_quotes else ends, NO_POSITIONS, inside_quotes, True)
        if not self._is_regular(array, quotes, previous_byte, inside_quotes):
            given = piece, quotes, self.delimiter, previous_byte, inside_quotes
            toggles, ends_inside_quotes = native_toggles(*given) or quote_toggles(*given)
            ends = self._with_lone_returns(array, piece, positions[~quoting])
            return Structure(unquoted(ends, toggles, inside_quotes), toggles, ends_inside_quotes, False)
        ends_inside_quotes = bool((quotes.size + inside_quotes) % 2)
        if CR in piece:
            ends = self._with_lone_returns(array, piece, positions[~quoting])
            return Structure(unquoted(ends, quotes, inside_quotes), quotes, ends_inside_quotes, True)
        quotes_before = np.cumsum(quoting, dtype=np.int32) + int(inside_quotes)
        return Structure(positions[~quoting & (quotes_before & 1 == 0)], quotes, ends_inside_quotes, True)

    @staticmethod
    def _with_lone_returns(array: Bytes, piece: bytes, ends: Positions) -> Positions:
        """Return the line ends and the CRs without LF, which end a line as well."""
        if CR not in piece:
            return ends
        returns = np.flatnonzero(array[:-1] == CR)
        lone = returns[array[returns + 1] != LF]
        if piece.endswith(b"\r"):
            lone = np.append(lone, len(piece) - 1)
        return np.sort(np.concatenate([ends, lone])) if lone.size else ends

    def _is_regular(self, array: Bytes, quotes: Positions, previous_byte: int, inside_quotes: bool) -> bool:
        """Whether every quote is at a field's edge or doubled, so that parity shows what is quoted."""
        opens, closes = quotes[int(inside_quotes) :: 2], quotes[1 - int(inside_quotes) :: 2]
        before_opening = array[opens - 1]
        if opens.size and opens[0] == 0:
            before_opening[0] = previous_byte
        if not (self.is_field_end[before_opening] | (before_opening == self.quote)).all():
            return False
        if closes.size and closes[-1] == array.size - 1:
            closes = closes[:-1]  # the end of the file also ends the field
        after_closing = array[closes + 1]
        return bool((self.is_field_end[after_closing] | (after_closing == self.quote)).all())


def quote_toggles(
    piece: bytes, quotes: Positions, delimiter: int, previous_byte: int, inside_quotes: bool
) -> tuple[Positions, bool]:
    """Return (positions of the quotes that open or close a field, whether the piece ends inside quotes).

    quotes: the positions of all quotes. The kernel does the same (`native.record_scan.toggles`).
    """
    positions = quotes.tolist()
    field_ends = (delimiter, LF, CR)
    toggles = []
    index = 0
    while index < len(positions):
        quote = positions[index]
        index += 1
        if not inside_quotes:
            if (piece[quote - 1] if quote else previous_byte) in field_ends:
                toggles.append(quote)
                inside_quotes = True
        elif index < len(positions) and positions[index] == quote + 1:
            index += 1  # doubled: one literal quote
        else:
            toggles.append(quote)
            inside_quotes = False
    return np.array(toggles, dtype=np.int64), inside_quotes


def positions_of(array: Bytes, *values: int | None) -> Positions:
    """Return the positions of the bytes that are one of `values`, in order; None matches no byte."""
    wanted = [value for value in values if value is not None]
    found, other = np.empty(CACHE_BYTES, dtype=bool), np.empty(CACHE_BYTES, dtype=bool)
    parts = []
    for start in range(0, array.size, CACHE_BYTES):
        part = array[start : start + CACHE_BYTES]
        mask = np.equal(part, wanted[0], out=found[: part.size])
        for value in wanted[1:]:
            np.logical_or(mask, np.equal(part, value, out=other[: part.size]), out=mask)
        parts.append(np.flatnonzero(mask) + start)
    return np.concatenate(parts) if parts else NO_POSITIONS


def unquoted(positions: Positions, toggles: Positions, inside_quotes: bool) -> Positions:
    """Return the sorted `positions` that are outside quotes; `toggles` are those that turn quoting on and off."""
    if not toggles.size:
        return NO_POSITIONS if inside_quotes else positions
    flips = np.bincount(np.searchsorted(positions, toggles), minlength=positions.size + 1)[: positions.size]
    parity = (np.cumsum(flips) + int(inside_quotes)) & 1
    kept: Positions = positions[parity == 0]
    return kept


def record_starts(ends: Positions) -> Positions:
    """Return the starts of the records whose terminators end at `ends`; the first starts at 0."""
    starts = np.empty_like(ends)
    if ends.size:
        starts[0] = 0
        np.add(ends[:-1], 1, out=starts[1:])
    return starts


def blank_records(array: Bytes, starts: Positions, ends: Positions) -> npt.NDArray[np.bool_]:
    """Return a mask of the records that are blank lines, which every CSV reader skips."""
    length = ends - starts
    if length.size and length.min() > 1:
        return np.zeros(ends.size, dtype=bool)
    empty: npt.NDArray[np.bool_] = (length == 0) | ((length == 1) & (array[starts] == CR) & (array[ends] == LF))
    return empty

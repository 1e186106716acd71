"""The quote-aware scan with one bit per byte, 64 per step.

`record_scan` returns positions of quotes and line ends; this scan returns bits, for bytes without CR whose quotes are
all at field edges or doubled. Storing a position costs more than scanning ten bytes, so bits are faster where few or no
positions are needed: to count records, or to read few columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from csvswarm.csv_format.record_scan import CR, LF, NO_POSITIONS, Bytes, Grammar
from csvswarm.native.record_scan import count

#: One bit per byte; the first byte is the lowest bit of the first word.
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

#: Bytes per step, so that intermediate arrays stay in the CPU cache.
PART_BYTES = 1 << 18
_ONE, _TOP, _WIDTH, _ALL = np.uint64(1), np.uint64(63), np.uint64(64), np.uint64(2**64 - 1)
_STEPS = tuple(np.uint64(1 << step) for step in range(6))


@dataclass(frozen=True)
class Part:
    """A part of the scanned bytes, from offset `start` on.

    lines: bits of the LFs outside quotes. field_ends: bits of the delimiters and LFs outside quotes, None unless asked
    for. has_quotes: whether there are quotes. ends_inside_quotes: whether the part ends within some.
    """

    start: int
    lines: Words
    field_ends: Words | None
    has_quotes: bool
    ends_inside_quotes: bool


@dataclass(frozen=True)
class RecordCount:
    """The records of a piece.

    records: number of record ends, without blank lines. last_line_end: offset of the last line end, -1 if none.
    ends_inside_quotes: whether the piece ends inside quotes.
    """

    records: int
    last_line_end: int
    ends_inside_quotes: bool


def count_records(
    piece: bytes, grammar: Grammar, *, previous_byte: int, inside_quotes: bool, at_record_start: bool
) -> RecordCount | None:
    """Count the records of a piece that ends as `Grammar.read_piece` ends it; None if bits cannot decide.

    previous_byte: the byte before the piece. inside_quotes: whether it starts within quotes. at_record_start: whether a
    record starts with it.
    """
    if (
        counted := count(piece, grammar.delimiter, grammar.quote, previous_byte, inside_quotes, at_record_start)
    ) is not None:
        return RecordCount(*counted)
    if CR in piece:
        return None
    records, last, blank = 0, -1, at_record_start
    for part in scan_parts(
        np.frombuffer(piece, np.uint8), grammar, previous_byte=previous_byte, inside_quotes=inside_quotes
    ):
        if part is None:
            return None
        records += int(np.bitwise_count(part.lines & ~_shifted_up(part.lines, blank)).sum())
        words = np.flatnonzero(part.lines)
        if words.size:
            last = part.start + int(words[-1]) * 64 + int(part.lines[words[-1]]).bit_length() - 1
        blank = last == part.start + PART_BYTES - 1
        inside_quotes = part.ends_inside_quotes
    return RecordCount(records, last, inside_quotes)


def scan_parts(
    array: Bytes,
    grammar: Grammar,
    *,
    previous_byte: int = LF,
    inside_quotes: bool = False,
    with_field_ends: bool = False,
) -> Iterator[Part | None]:
    """Yield the parts of an array without CR; None as the last one where quote parity is unreliable.

    The array must not end in a quote whose meaning the next byte decides, except at the end of the file.
    """
    found, both = np.empty(PART_BYTES, dtype=bool), np.empty(PART_BYTES, dtype=bool)
    for start in range(0, array.size, PART_BYTES):
        part = array[start : start + PART_BYTES]
        mask, edge = found[: part.size], both[: part.size]
        np.equal(part, LF, out=edge)
        lines, field_ends = _packed(edge), None
        is_quoted = grammar.quote is not None and (bool(np.equal(part, grammar.quote, out=mask).any()) or inside_quotes)
        quotes = _packed(mask) if is_quoted else lines
        if with_field_ends or is_quoted:
            field_ends = _packed(np.logical_or(edge, np.equal(part, grammar.delimiter, out=mask), out=edge))
        if is_quoted and field_ends is not None:
            quoted = _prefix_parity(quotes, inside_quotes)
            stop = start + part.size
            after_field_end = grammar.may_adjoin_quote(int(array[start - 1]) if start else previous_byte)
            before_field_end = stop == array.size or grammar.may_adjoin_quote(int(array[stop]))
            if not _are_regular(quotes, quoted, field_ends, after_field_end, before_field_end, part.size):
                yield None
                return
            inside_quotes = bool(int(quoted[(part.size - 1) >> 6]) >> ((part.size - 1) & 63) & 1)
            unquoted = np.invert(quoted, out=quoted)
            lines &= unquoted
            field_ends &= unquoted
        yield Part(start, lines, field_ends, is_quoted, inside_quotes)


def bit_positions(words: Words) -> npt.NDArray[np.int64]:
    """Return the positions of the bits that are set, in order."""
    counts = np.bitwise_count(words)
    if int(counts.sum()) > words.size * 2:
        return np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little").view(np.bool_))
    some = np.flatnonzero(counts)
    remaining = words[some]
    base = some << 6
    found = []
    while remaining.size:
        less = remaining - _ONE
        found.append(base + np.bitwise_count(~remaining & less))
        remaining &= less
        more = np.flatnonzero(remaining)
        remaining, base = remaining[more], base[more]
    if len(found) < 2:
        return found[0] if found else NO_POSITIONS
    positions = np.concatenate(found)
    positions.sort(kind="stable")
    return positions


def counts_up_to(words: Words, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return for each position how many bits are set up to and including it."""
    before = np.zeros(words.size, np.int64)
    np.cumsum(np.bitwise_count(words[:-1]), dtype=np.int64, out=before[1:])
    word = positions >> 6
    up_to = _ALL >> (_TOP - (positions & 63).astype(np.uint64))
    counts: npt.NDArray[np.int64] = before[word] + np.bitwise_count(words[word] & up_to)
    return counts


class BitCursor:
    """Steps from many positions at once to the next bit that is set."""

    def __init__(self, words: Words, positions: npt.NDArray[np.int64]) -> None:
        self._words = words  # with one word more than the positions need
        self._base = positions.copy()
        self._remaining = self._window(positions)  # the bits from the base on that are not consumed

    def _window(self, positions: npt.NDArray[np.int64]) -> Words:
        word = positions >> 6
        shift = (positions & 63).astype(np.uint64)
        window: Words = self._words[word] >> shift
        # A shift by all 64 bits gives 0.
        window |= self._words[word + 1] << (_WIDTH - shift)
        return window

    def skip(self) -> None:
        """Step to the next bit, which must exist."""
        self._fill()
        self._remaining &= self._remaining - _ONE

    def next(self) -> npt.NDArray[np.int64]:
        """Step to the next bit, which must exist, and return its position."""
        self._fill()
        less = self._remaining - _ONE
        positions: npt.NDArray[np.int64] = self._base + np.bitwise_count(~self._remaining & less)
        self._remaining &= less
        return positions

    def _fill(self) -> None:
        empty = np.flatnonzero(self._remaining == 0)
        while empty.size:
            base = self._base[empty] + 64
            window = self._window(base)
            self._base[empty], self._remaining[empty] = base, window
            empty = empty[window == 0]


def _packed(mask: Mask) -> Words:
    packed = np.packbits(mask, bitorder="little")
    if packed.size % 8:
        packed = np.append(packed, np.zeros(-packed.size % 8, np.uint8))
    return packed.view(np.uint64)


def _prefix_parity(quotes: Words, inside_quotes: bool) -> Words:
    """Return for each byte whether the number of quotes up to and including it is odd: then it is quoted."""
    odd = quotes.copy()
    for step in _STEPS:
        odd ^= odd << step
    # The top bit of a word is the parity of the whole word: carry it to all following words.
    carried = np.bitwise_xor.accumulate(odd >> _TOP)
    if inside_quotes:
        carried ^= _ONE
        odd[0] = ~odd[0]
    odd[1:] ^= np.negative(carried[:-1])  # minus one is all bits
    return odd


def _are_regular(
    quotes: Words, quoted: Words, field_ends: Words, after_field_end: bool, before_field_end: bool, size: int
) -> bool:
    """Whether every opening quote follows a field end or a quote, and every closing quote precedes one."""
    fitting = field_ends | quotes
    if (quotes & quoted & ~_shifted_up(fitting, after_field_end)).any():
        return False
    after = fitting >> _ONE
    after[:-1] |= fitting[1:] << _TOP
    if before_field_end:
        after[(size - 1) >> 6] |= _ONE << np.uint64((size - 1) & 63)
    return not (quotes & ~quoted & ~after).any()


def _shifted_up(words: Words, first: bool) -> Words:
    """Return for each byte the bit of the previous byte; `first` is the bit before the first byte."""
    shifted = words << _ONE
    shifted[1:] |= words[:-1] >> _TOP
    if first:
        shifted[0] |= _ONE
    return shifted

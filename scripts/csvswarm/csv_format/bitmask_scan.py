"""The quote-aware scan on bits: one per byte, 64 of them looked at in one step.

What `record_scan` answers with the places of quotes and line ends, this answers with bits, for bytes without CR whose
quotes all stand at the edge of a field or are doubled. To note a place costs more than to look at ten bytes, so bits
win where places are not asked for, as when records are counted, or not all of them, as when few columns are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from csvswarm.csv_format.record_scan import CR, LF, NO_POSITIONS, Bytes, Grammar
from csvswarm.native.record_scan import count

#: A bit per byte, the first one the lowest bit of the first word.
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

#: How much is looked at in one go, so that what is computed of it stays in the processor's cache.
PART_BYTES = 1 << 18
_ONE, _TOP, _WIDTH, _ALL = np.uint64(1), np.uint64(63), np.uint64(64), np.uint64(2**64 - 1)
_STEPS = tuple(np.uint64(1 << step) for step in range(6))


@dataclass(frozen=True)
class Part:
    """A part of what is scanned, from the byte `start` on.

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
    """What there is in a piece.

    records: how many end in it, blank lines left out. last_line_end: the place where the last line ends, -1 when none
    does. ends_inside_quotes: whether the piece ends within quotes.
    """

    records: int
    last_line_end: int
    ends_inside_quotes: bool


def count_records(
    piece: bytes, grammar: Grammar, *, previous_byte: int, inside_quotes: bool, at_record_start: bool
) -> RecordCount | None:
    """Return what there is in a piece that is cut as `Grammar.read_piece` cuts it; None when bits cannot tell.

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
    """Yield the parts of an array without CR, and None as the last when a quote stands where parity cannot be trusted.

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
    """Return the places of the bits that are set, in order."""
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
    """Return for each place how many bits are set up to and including it."""
    before = np.zeros(words.size, np.int64)
    np.cumsum(np.bitwise_count(words[:-1]), dtype=np.int64, out=before[1:])
    word = positions >> 6
    up_to = _ALL >> (_TOP - (positions & 63).astype(np.uint64))
    counts: npt.NDArray[np.int64] = before[word] + np.bitwise_count(words[word] & up_to)
    return counts


class BitCursor:
    """Walks from places to the next bit that is set, and the next, for many places at once."""

    def __init__(self, words: Words, positions: npt.NDArray[np.int64]) -> None:
        self._words = words  # with a word more than places are in
        self._base = positions.copy()
        self._remaining = self._window(positions)  # the bits from the base on that were not come to

    def _window(self, positions: npt.NDArray[np.int64]) -> Words:
        word = positions >> 6
        shift = (positions & 63).astype(np.uint64)
        window: Words = self._words[word] >> shift
        # A shift by all 64 bits gives none.
        window |= self._words[word + 1] << (_WIDTH - shift)
        return window

    def skip(self) -> None:
        """Go on to the next bit. There must be one."""
        self._fill()
        self._remaining &= self._remaining - _ONE

    def next(self) -> npt.NDArray[np.int64]:
        """Go on to the next bit and return where it is. There must be one."""
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
    """Return for each byte whether the quotes up to and including it are odd in number, which is within quotes."""
    odd = quotes.copy()
    for step in _STEPS:
        odd ^= odd << step
    # The top bit of a word tells of the whole word: passed on to all that follow.
    carried = np.bitwise_xor.accumulate(odd >> _TOP)
    if inside_quotes:
        carried ^= _ONE
        odd[0] = ~odd[0]
    odd[1:] ^= np.negative(carried[:-1])  # minus one is all bits
    return odd


def _are_regular(
    quotes: Words, quoted: Words, field_ends: Words, after_field_end: bool, before_field_end: bool, size: int
) -> bool:
    """Whether every quote that opens follows an edge of a field or a quote, and one that closes is followed by one."""
    fitting = field_ends | quotes
    if (quotes & quoted & ~_shifted_up(fitting, after_field_end)).any():
        return False
    after = fitting >> _ONE
    after[:-1] |= fitting[1:] << _TOP
    if before_field_end:
        after[(size - 1) >> 6] |= _ONE << np.uint64((size - 1) & 63)
    return not (quotes & ~quoted & ~after).any()


def _shifted_up(words: Words, first: bool) -> Words:
    """Return for each byte the bit of the byte before; `first` is that of the byte before all."""
    shifted = words << _ONE
    shifted[1:] |= words[:-1] >> _TOP
    if first:
        shifted[0] |= _ONE
    return shifted

"""Where the fields of a block are: one scan that serves raw records and the text of single columns.

A CSV parser makes values of all fields of a block, however few are wanted. Here the bytes that end fields are searched,
and only wanted columns are copied out. That is the fast way for blocks as nearly all are: LF ends every record, every
quote stands at the edge of a field or is doubled, and no record has a field too many or too few. For any other block
there is no answer, and the parser is asked, which gives the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csvswarm.csv_format.bitmask_scan import Mask, Steps, Words, counts_up_to, parts, places_of
from csvswarm.csv_format.record_scan import CR, NOWHERE, Bytes, Grammar, Positions, find, starts_of
from csvswarm.runtime.lazy_imports import pa, pc

#: Arrow's text has offsets of 32 bits.
MOST_BYTES = (1 << 31) - 2

#: How many records are walked through in one go, so that what is computed of them stays in the processor's cache.
WALKED = 1 << 14


@dataclass(frozen=True)
class Fields:
    """The fields of a block.

    data: the block, its last record ended like the others. ends: where each record ends. edges: bits of the bytes that
    end fields. quote: the byte that quotes, None when none does in this block.
    """

    data: bytes
    ends: Positions
    edges: Words
    quote: int | None

    def toggles(self) -> Positions:
        """Return the places of the quotes."""
        return NOWHERE if self.quote is None else find(np.frombuffer(self.data, np.uint8), self.quote)

    def texts(self, places: Sequence[int], nulls: Nulls) -> list[pa.Array]:
        """Return the columns at `places`, in ascending order, as text.

        Quotes are taken off, and unquoted null values are missing.
        """
        return [self._text(starts, stops, nulls) for starts, stops in self.spans(places)]

    def spans(self, places: Sequence[int]) -> list[tuple[Positions, Positions]]:
        """Return where the fields of the columns at `places`, in ascending order, start and stop."""
        starts = starts_of(self.ends)
        spans = [(np.empty_like(starts), np.empty_like(starts)) for _ in places]
        for low in range(0, len(starts), WALKED):
            high = min(low + WALKED, len(starts))
            steps, at = Steps(self.edges, starts[low:high]), 0
            stop = starts[low:high] - 1
            for place, (first, last) in zip(places, spans, strict=True):
                while at < place - 1:
                    steps.skip()
                    at += 1
                if at < place:
                    stop = steps.next()
                    at += 1
                np.add(stop, 1, out=first[low:high])
                stop = steps.next()
                at += 1
                last[low:high] = stop
        return spans

    def _text(self, starts: Positions, stops: Positions, nulls: Nulls) -> pa.Array:
        array = np.frombuffer(self.data, np.uint8)
        if self.quote is None or not (quoted := array[starts] == self.quote).any():
            return nulls.without(_copied(self.data, starts, stops), array, starts, stops, None)
        text = _copied(self.data, starts + quoted, stops - quoted)
        quote = chr(self.quote)
        doubled = pc.and_(pa.array(quoted), pc.match_substring(text, quote))
        if pc.any(doubled).as_py():
            text = pc.if_else(doubled, pc.replace_substring(text, quote * 2, quote), text)
        return nulls.without(text, array, starts, stops, quoted)


class Nulls:
    """What stands for a missing value where it is not quoted."""

    def __init__(self, null_values: Sequence[str]) -> None:
        self.spelled = list(null_values)
        self._has_empty = "" in null_values
        spelled = [value.encode() for value in null_values if value]
        self._longest = max(map(len, spelled), default=0)
        self._last = np.zeros(256, dtype=bool)
        self._last[[value[-1] for value in spelled]] = True

    @cached_property
    def _values(self) -> pa.Array:
        return pa.array(self.spelled, pa.string())

    def without(
        self, text: pa.Array, array: Bytes, starts: Positions, stops: Positions, quoted: Mask | None
    ) -> pa.Array:
        """Return `text`, which stands at starts to stops of a block, with its null values missing.

        Hardly any value is one, so only those are looked up that are as short as one and end in the same byte.
        """
        length = stops - starts
        missing = length == 0 if self._has_empty else np.zeros(len(length), dtype=bool)
        likely = self._last[array[stops - 1]]
        likely &= length <= self._longest
        likely &= length > 0
        if quoted is not None:
            likely &= ~quoted
        places = np.flatnonzero(likely)
        if places.size:
            is_null = pc.is_in(text.take(pa.array(places)), value_set=self._values).to_numpy(zero_copy_only=False)
            places = places[is_null]
        if places.size:
            missing[places] = True
            return pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), text)
        if not missing.any():
            return text
        valid = np.packbits(~missing, bitorder="little")
        return pa.Array.from_buffers(pa.string(), len(text), [pa.py_buffer(valid), *text.buffers()[1:]])


def find_fields(data: bytes, grammar: Grammar, width: int) -> Fields | None:
    """Return where the fields of a block of whole records of `width` fields are; None when it is not of the plain kind.

    data: UTF-8 without NUL.
    """
    if width < 2 or not data or len(data) > MOST_BYTES or CR in data:
        return None  # a record of one field may look like a blank line
    if not data.endswith(b"\n"):
        data += b"\n"
    array = np.frombuffer(data, np.uint8)
    lines: list[Words] = []
    edges: list[Words] = []
    inside = is_quoted = False
    for part in parts(array, grammar, with_edges=True):
        if part is None or part.edges is None:
            return None
        lines.append(part.lines)
        edges.append(part.edges)
        is_quoted |= part.quoted
        inside = part.inside
    lines.append(np.zeros(2, np.uint64))
    edges.append(np.zeros(2, np.uint64))
    ends, bits = places_of(np.concatenate(lines)), np.concatenate(edges)
    if inside or not (counts_up_to(bits, ends) == np.arange(1, ends.size + 1) * width).all():
        return None  # a record has a field too many or too few
    return Fields(data, ends, bits, grammar.quote if is_quoted else None)


def _copied(data: bytes, starts: Positions, stops: Positions) -> pa.Array:
    """Return the bytes from starts to stops as text."""
    count = len(starts)
    # What lies between two values is a value as well to Arrow, so every other one is taken.
    offsets = np.empty(2 * count + 1, np.int32)
    offsets[0:-1:2] = starts
    offsets[1::2] = stops
    offsets[-1] = offsets[-2]
    both = pa.Array.from_buffers(pa.string(), 2 * count, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    return both.take(pa.array(np.arange(0, 2 * count, 2, dtype=np.int32)))

"""Locates the fields of a block: one scan for raw records and for the text of single columns.

A CSV parser creates values for all fields of a block, however few are requested. This scan marks the bytes that end
fields and copies only the requested columns. It handles most blocks: LF ends every record, every quote is at the edge
of a field or doubled, and all records have the same number of fields. It declines others, and the parser gives the same
text for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csvswarm.csv_format.bitmask_scan import BitCursor, Mask, Words, bit_positions, counts_up_to, scan_parts
from csvswarm.csv_format.record_scan import CR, NO_POSITIONS, Bytes, Grammar, Positions, positions_of, record_starts
from csvswarm.runtime.lazy_imports import pa, pc

#: Arrow's text has 32-bit offsets.
MAX_BYTES = (1 << 31) - 2

#: Rows per step, so that intermediate arrays stay in the CPU cache.
ROWS_PER_BATCH = 1 << 14


@dataclass(frozen=True)
class Fields:
    """The fields of a block.

    data: the block, its last record ended like the others. ends: where each record ends. field_ends: bits of the bytes
    that end fields. quote: the byte that quotes, None when none does in this block.
    """

    data: bytes
    ends: Positions
    field_ends: Words
    quote: int | None

    def quote_positions(self) -> Positions:
        """Return the positions of all quotes."""
        return NO_POSITIONS if self.quote is None else positions_of(np.frombuffer(self.data, np.uint8), self.quote)

    def texts(self, columns: Sequence[int], nulls: NullValues) -> list[pa.Array]:
        """Return the columns with these indexes, in ascending order, as text.

        Quotes are removed, and unquoted null values are missing.
        """
        return [self._text(starts, stops, nulls) for starts, stops in self.spans(columns)]

    def spans(self, columns: Sequence[int]) -> list[tuple[Positions, Positions]]:
        """Return where the fields of the columns with these indexes, in ascending order, start and stop."""
        starts = record_starts(self.ends)
        spans = [(np.empty_like(starts), np.empty_like(starts)) for _ in columns]
        for low in range(0, len(starts), ROWS_PER_BATCH):
            high = min(low + ROWS_PER_BATCH, len(starts))
            steps, field = BitCursor(self.field_ends, starts[low:high]), 0
            stop = starts[low:high] - 1
            for column, (first, last) in zip(columns, spans, strict=True):
                while field < column - 1:
                    steps.skip()
                    field += 1
                if field < column:
                    stop = steps.next()
                    field += 1
                np.add(stop, 1, out=first[low:high])
                stop = steps.next()
                field += 1
                last[low:high] = stop
        return spans

    def _text(self, starts: Positions, stops: Positions, nulls: NullValues) -> pa.Array:
        array = np.frombuffer(self.data, np.uint8)
        if self.quote is None or not (quoted := array[starts] == self.quote).any():
            return nulls.mark_missing(_gather_text(self.data, starts, stops), array, starts, stops, None)
        text = _gather_text(self.data, starts + quoted, stops - quoted)
        quote = chr(self.quote)
        doubled = pc.and_(pa.array(quoted), pc.match_substring(text, quote))
        if pc.any(doubled).as_py():
            text = pc.if_else(doubled, pc.replace_substring(text, quote * 2, quote), text)
        return nulls.mark_missing(text, array, starts, stops, quoted)


class NullValues:
    """The texts that mean a missing value if they are not quoted."""

    def __init__(self, null_values: Sequence[str]) -> None:
        self.values = list(null_values)
        self._has_empty = "" in null_values
        encoded = [value.encode() for value in null_values if value]
        self._longest = max(map(len, encoded), default=0)
        self._last = np.zeros(256, dtype=bool)
        self._last[[value[-1] for value in encoded]] = True

    @cached_property
    def _value_array(self) -> pa.Array:
        return pa.array(self.values, pa.string())

    def mark_missing(
        self, text: pa.Array, array: Bytes, starts: Positions, stops: Positions, quoted: Mask | None
    ) -> pa.Array:
        """Return `text`, located at starts to stops of a block, with its null values missing.

        Few values are, so only texts as short as a null value and with the same last byte are compared.
        """
        length = stops - starts
        missing = length == 0 if self._has_empty else np.zeros(len(length), dtype=bool)
        likely = self._last[array[stops - 1]]
        likely &= length <= self._longest
        likely &= length > 0
        if quoted is not None:
            likely &= ~quoted
        rows = np.flatnonzero(likely)
        if rows.size:
            is_null = pc.is_in(text.take(pa.array(rows)), value_set=self._value_array).to_numpy(zero_copy_only=False)
            rows = rows[is_null]
        if rows.size:
            missing[rows] = True
            return pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), text)
        if not missing.any():
            return text
        valid = np.packbits(~missing, bitorder="little")
        return pa.Array.from_buffers(pa.string(), len(text), [pa.py_buffer(valid), *text.buffers()[1:]])


def find_fields(data: bytes, grammar: Grammar, width: int) -> Fields | None:
    """Return the fields of a block of whole records of `width` fields; None if the block is unusual.

    data: UTF-8 without NUL.
    """
    if width < 2 or not data or len(data) > MAX_BYTES or CR in data:
        return None  # a record of one field may be a blank line
    if not data.endswith(b"\n"):
        data += b"\n"
    array = np.frombuffer(data, np.uint8)
    lines: list[Words] = []
    field_ends: list[Words] = []
    inside = is_quoted = False
    for part in scan_parts(array, grammar, with_field_ends=True):
        if part is None or part.field_ends is None:
            return None
        lines.append(part.lines)
        field_ends.append(part.field_ends)
        is_quoted |= part.has_quotes
        inside = part.ends_inside_quotes
    lines.append(np.zeros(2, np.uint64))
    field_ends.append(np.zeros(2, np.uint64))
    ends, bits = bit_positions(np.concatenate(lines)), np.concatenate(field_ends)
    if inside or not (counts_up_to(bits, ends) == np.arange(1, ends.size + 1) * width).all():
        return None  # ragged
    return Fields(data, ends, bits, grammar.quote if is_quoted else None)


def _gather_text(data: bytes, starts: Positions, stops: Positions) -> pa.Array:
    """Return the bytes from starts to stops as text."""
    count = len(starts)
    # Arrow also sees a value between each two values, so take every other one.
    offsets = np.empty(2 * count + 1, np.int32)
    offsets[0:-1:2] = starts
    offsets[1::2] = stops
    offsets[-1] = offsets[-2]
    both = pa.Array.from_buffers(pa.string(), 2 * count, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    return both.take(pa.array(np.arange(0, 2 * count, 2, dtype=np.int32)))

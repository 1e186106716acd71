"""Cuts a stream of bytes into chunks and blocks of whole records; counts and checksums them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Protocol

import numpy as np
import xxhash

from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.record_scan import (
    LF,
    MAX_RECORD_BYTES,
    Bytes,
    Grammar,
    Positions,
    Structure,
    blank_records,
    record_starts,
)
from csvswarm.errors import InputError
from csvswarm.job.chunk import BLOCK_BYTES, Block, Chunk
from csvswarm.native.record_scan import count

PIECE_BYTES = 1 << 20


class UnreliableQuoteParity(Exception):
    """Quotes inside fields make parity unreliable: the scan must carry its exact state from the first byte."""


class ChunkSink(Protocol):
    """Receives the bytes of a chunk when chunks are files."""

    def write(self, data: bytes | memoryview) -> object: ...
    def close(self) -> None: ...


class Cutter:
    """Feed it pieces in order; it cuts a chunk at the first record end at or after each target.

    offset: where in its file the first piece starts. next_target(chunk start) gives the offset to cut at next, None for
    never. open_sink(chunk number) gives a sink per chunk, for chunk files; then offsets count within the chunk's own
    file. adaptive: an irregular piece is scanned exactly, instead of raising UnreliableQuoteParity; valid only if the
    state at the start is known, for example at the first byte of a file.
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        offset: int,
        next_target: Callable[[int], int | None],
        block_bytes: int = BLOCK_BYTES,
        adaptive: bool = True,
        open_sink: Callable[[int], tuple[str, ChunkSink]] | None = None,
    ) -> None:
        self._grammar = Grammar(dialect)
        self._next_target = next_target
        self._block_bytes = block_bytes
        self._adaptive = adaptive
        self._open_sink = open_sink
        self._before = LF
        self._inside = False
        self._position = offset  # of the next piece in the stream
        self._records = 0
        self.chunks: list[Chunk] = []
        self._begin_chunk(offset)

    def _begin_chunk(self, offset: int) -> None:
        self._chunk_start = self._block_start = self._record_start = offset
        self._target = self._next_target(offset)
        self._chunk_rows = self._block_rows = 0
        self._blocks: list[Block] = []
        self._hash = xxhash.xxh3_128()
        self._file: str | None = None
        self._sink: ChunkSink | None = None  # opened at the first byte, so that no empty file is left

    def feed(self, piece: bytes) -> None:
        """Take the next piece from `Grammar.read_piece`. Raises InputError if a record is too long."""
        if piece:
            self._cut_piece(piece)
        if self._position - self._record_start > MAX_RECORD_BYTES:
            if not self._adaptive:
                raise UnreliableQuoteParity  # its number is unknown here
            raise InputError(
                f"record {self._next_record} is longer than {MAX_RECORD_BYTES >> 20} MB. "
                "If it opens a quote that is never closed, close it, or pass -e quotechar= if quotes have no meaning "
                "in this file; else shorten the record."
            )

    @property
    def _next_record(self) -> int:
        return self._records + self._chunk_rows + self._block_rows + 1

    def _cut_piece(self, piece: bytes) -> None:
        base, view = self._position, memoryview(piece)
        if self._target is None or self._target > base + len(piece):
            grammar, fresh = self._grammar, self._record_start == base
            state = self._before, self._inside, fresh
            counted = count(piece, grammar.delimiter, grammar.quote, *state, exact=self._adaptive)
            if counted is not None:
                records, last, inside = counted
                self._position += len(piece)
                self._before, self._inside = piece[-1], inside
                self._end_records(records, base + last + 1 if last >= 0 else None)
                self._add_bytes(view)
                return
        structure = self._scan(piece)
        self._position += len(piece)
        self._before = piece[-1]
        self._inside = structure.ends_inside_quotes
        array = np.frombuffer(piece, dtype=np.uint8)
        ends = structure.ends
        kept = self._ends_of_records(array, ends, self._record_start - base)
        done = 0  # bytes of this piece in chunks already closed
        while self._target is not None and ends.size:
            index = int(np.searchsorted(ends, self._target - base - 1))
            if index >= ends.size:
                break
            cut = int(ends[index]) + 1
            self._count(int(np.searchsorted(kept, cut)) - int(np.searchsorted(kept, done)))
            self._add_bytes(view[done:cut])
            self._record_start = base + cut
            self._end_block(base + cut)
            self._end_chunk()
            self._begin_chunk(base + cut)
            done = cut
        if ends.size and ends[-1] + 1 > done:
            self._end_records(kept.size - int(np.searchsorted(kept, done)), base + int(ends[-1]) + 1)
        self._add_bytes(view[done:])

    def _end_records(self, count: int, record_end: int | None) -> None:
        """Count records, the last of which ends before `record_end`; None if none ends."""
        self._count(count)
        if record_end is not None:
            self._record_start = record_end
            if record_end - self._block_start >= self._block_bytes:
                self._end_block(record_end)

    @classmethod
    def end_of_record(cls, file: BinaryIO, dialect: Dialect, offset: int, number: int) -> int | None:
        """Return the end of record `number`, counted from 1 at `offset`; None if there are fewer records."""
        grammar = Grammar(dialect)
        before, inside, start = LF, False, offset
        while piece := grammar.read_piece(file, PIECE_BYTES):
            structure = grammar.scan(piece, previous_byte=before, inside_quotes=inside)
            kept = cls._ends_of_records(np.frombuffer(piece, np.uint8), structure.ends, start - offset)
            if kept.size >= number:
                return offset + int(kept[number - 1]) + 1
            number -= kept.size
            if structure.ends.size:
                start = offset + int(structure.ends[-1]) + 1
            offset += len(piece)
            before, inside = piece[-1], structure.ends_inside_quotes
        return None

    def _scan(self, piece: bytes) -> Structure:
        structure = self._grammar.scan(piece, previous_byte=self._before, inside_quotes=self._inside)
        if not structure.is_regular and not self._adaptive:
            raise UnreliableQuoteParity
        return structure

    @staticmethod
    def _ends_of_records(array: Bytes, ends: Positions, first: int) -> Positions:
        """Return the ends of records that are not blank; the first starts at `first`, possibly before the piece."""
        if not ends.size:
            return ends
        starts = record_starts(ends)
        starts[0] = max(first, 0)
        is_blank = blank_records(array, starts, ends)
        if first < 0:
            is_blank[0] = False
        return ends[~is_blank] if is_blank.any() else ends

    def _count(self, rows: int) -> None:
        self._block_rows += rows

    def _add_bytes(self, data: memoryview) -> None:
        self._hash.update(data)
        if self._open_sink and data:
            if not self._sink:
                self._file, self._sink = self._open_sink(len(self.chunks) + 1)
            self._sink.write(data)

    def _end_block(self, offset: int) -> None:
        if offset > self._block_start:
            base = self._chunk_start if self._open_sink else 0
            block = Block(self._block_start - base, offset - self._block_start, self._block_rows)
            self._blocks.append(block)
        self._chunk_rows += self._block_rows
        self._block_start, self._block_rows = offset, 0

    def _end_chunk(self) -> None:
        if self._sink:
            self._sink.close()
        start = 0 if self._open_sink else self._chunk_start
        self.chunks.append(
            Chunk(
                number=len(self.chunks) + 1,
                file=self._file,
                offset=start,
                length=self._block_start - self._chunk_start,
                first_record=self._records + 1,
                rows=self._chunk_rows,
                checksum=self._hash.hexdigest(),
                blocks=tuple(self._blocks),
            )
        )
        self._records += self._chunk_rows

    def finish(self) -> list[Chunk]:
        """Close the last chunk and return them all; at least one, which may be empty.

        Raises InputError if the input ends inside a quoted field.
        """
        if self._inside and not self._adaptive:
            raise UnreliableQuoteParity
        if self._inside:
            raise InputError(
                f"record {self._next_record} opens a quote that is never closed: the file ends inside it. "
                "Close the quote, or pass -e quotechar= if quotes have no meaning in this file."
            )
        if self._position > self._record_start:
            self._count(1)  # the last record has no terminator
        if self._position > self._chunk_start or not self.chunks:
            self._end_block(self._position)
            self._end_chunk()
        return self.chunks


def even_targets(start: int, end: int, count: int) -> Callable[[int], int | None]:
    """Return targets that cut the bytes [start, end) into `count` chunks of about equal size."""
    targets = iter([start + (end - start) * i // count for i in range(1, count)])

    def next_target(chunk_start: int) -> int | None:
        return next((target for target in targets if target > chunk_start), None)

    return next_target


def sized_targets(chunk_bytes: int) -> Callable[[int], int | None]:
    """Return targets for an input of unknown length: each chunk has about `chunk_bytes`."""
    return lambda chunk_start: chunk_start + chunk_bytes


def no_targets(_: int) -> int | None:
    """Return no target: one chunk only."""
    return None


def renumbered(parts: Iterable[list[Chunk]]) -> Iterator[Chunk]:
    """Renumber chunks that were cut independently as the chunks of one input."""
    number, record = 0, 1
    for chunks in parts:
        for chunk in chunks:
            number += 1
            yield Chunk(**{**vars(chunk), "number": number, "first_record": record})
            record += chunk.rows

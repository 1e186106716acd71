"""Cuts an input into chunks: ranges of it in parallel, or chunk files in one stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.record_scan import MAX_RECORD_BYTES, Grammar
from csvswarm.errors import InputError
from csvswarm.input.header import InputHeader, with_source_name
from csvswarm.input.source import OpenedSource, Source
from csvswarm.job.chunk import Chunk
from csvswarm.job.directory import JobDirectory
from csvswarm.job.durable_files import write_durably
from csvswarm.job.free_space import FreeSpaceGuard
from csvswarm.job.request import Request
from csvswarm.native.library import kernel
from csvswarm.runtime import progress, resources
from csvswarm.runtime.threads import map_in_threads
from csvswarm.split.chunk_files import ChunkFiles
from csvswarm.split.cutter import (
    PIECE_BYTES,
    Cutter,
    UnreliableQuoteParity,
    even_targets,
    no_targets,
    renumbered,
    sized_targets,
)

GUESS_BYTES, FIRST_END_BYTES = 64 << 10, 2 << 10
#: Pieces of a stream that are unpacked while one is cut: enough for the time that a chunk file takes to reach the disk.
PIECES_AHEAD = 8
HEADER_FILE = "000000-header.csv"


def cut_input(
    job: JobDirectory,
    source: Source,
    header: InputHeader,
    request: Request,
    mode: str,
    max_bytes: int = resources.MAX_CHUNK_BYTES,
) -> list[Chunk]:
    """Cut the input into chunks, in the mode "ranges" or "files". Raises InputError if a quote is never closed.

    max_bytes: approximate maximum size of a chunk, if the request does not set the number of chunks.
    """
    free_space = begin_cutting(job, header if mode == "files" else None)
    return cut_file(job, source, header, request, mode, free_space, max_bytes=max_bytes)


def begin_cutting(job: JobDirectory, header: InputHeader | None, before: Sequence[Chunk] = ()) -> FreeSpaceGuard:
    """Prepare a job directory for its chunks.

    header: to be written, where there are chunk files. before: the chunks that it has, whose files are kept.
    """
    resources.disable_malloc_trim()
    job.remove_chunks(before)  # left by a killed split
    if header is not None:
        write_durably(job.chunks_directory / HEADER_FILE, header.preamble)
    return FreeSpaceGuard(job.chunks_directory)


def cut_file(
    job: JobDirectory,
    source: Source,
    header: InputHeader,
    request: Request,
    mode: str,
    free_space: FreeSpaceGuard,
    *,
    max_bytes: int,
    before: Sequence[Chunk] = (),
    total: int = 0,
) -> list[Chunk]:
    """Cut one file of the input into chunks, numbered from 1. Raises InputError.

    before: chunks of earlier files, kept on an error. total: approximate bytes of all files, if there are others.
    """
    end = _end_of_record(source, header, request.limit) if request.limit else None
    size = end if end is not None and source.is_plain else source.size
    is_read_twice = (request.chunks or 1) > 1 and end is None and not source.is_plain
    progress.begin("splitting", [size] * (2 if is_read_twice else 1))
    open_sink = ChunkFiles(job.chunks_directory, free_space, len(before)) if mode == "files" else None
    try:
        if source.is_plain:
            last = source.size if end is None else end
            size = last - header.data_offset
            chunk_bytes = resources.chunk_bytes_for(total or size, request.workers, max_bytes)
            count = request.chunks or -(-size // chunk_bytes) or 1
            if mode == "ranges":
                try:
                    return _cut_ranges(source, header, count, request, last)
                except UnreliableQuoteParity:
                    progress.begin("splitting", [last])
            targets = even_targets(header.data_offset, last, count)
        elif (request.chunks or 0) > 1:
            last = _unpacked_size(source, free_space) if end is None else end
            targets = even_targets(header.data_offset, last, request.chunks or 1)
        else:
            # The size is unknown: a typical compression ratio determines the size of chunks.
            chunk_bytes = resources.chunk_bytes_for(total or source.likely_bytes, request.workers, max_bytes)
            targets = no_targets if request.chunks else sized_targets(chunk_bytes)
        return _cut_stream(source, header, targets, request, open_sink, end)
    except InputError as error:
        job.remove_chunks(before)
        raise with_source_name(source, error) from error
    finally:
        progress.finish()
        if open_sink:
            open_sink.abandon()


def _cut_stream(
    source: Source,
    header: InputHeader,
    targets: Callable[[int], int | None],
    request: Request,
    open_sink: Any,
    end: int | None,
) -> list[Chunk]:
    cutter = Cutter(
        header.dialect,
        offset=header.data_offset,
        next_target=targets,
        block_bytes=request.block_bytes,
        open_sink=open_sink,
    )
    size = min(PIECE_BYTES, request.block_bytes)
    with source.open() as file:
        position, read = _skip(file, header.data_offset), 0
        with closing(_pieces_ahead(file, Grammar(header.dialect), size)) as pieces:
            for piece, at in pieces:
                cutter.feed(piece if end is None else piece[: end - position])
                position += len(piece)
                progress.advance(0, at - read)
                read = at
                if end is not None and position >= end:
                    break
    return cutter.finish()


def _pieces_ahead(file: OpenedSource, grammar: Grammar, size: int) -> Generator[tuple[bytes, int], None, None]:
    """Yield pieces and the position in the file after each. A thread unpacks the next ones meanwhile."""
    from concurrent.futures import ThreadPoolExecutor

    def read() -> tuple[bytes, int]:
        return grammar.read_piece(file, size), file.position

    with ThreadPoolExecutor(1) as reader:
        waiting = deque(reader.submit(read) for _ in range(PIECES_AHEAD))
        try:
            while (found := waiting.popleft().result())[0]:
                waiting.append(reader.submit(read))
                yield found
        finally:
            reader.shutdown(cancel_futures=True)


def _skip(file: BinaryIO, count: int) -> int:
    left = count
    while left:
        left -= len(file.read(left))
    return count


def _end_of_record(source: Source, header: InputHeader, number: int) -> int | None:
    """Return the end of record `number` in the unpacked input; None if there are fewer records. Raises InputError."""
    try:
        with source.open() as file:
            return Cutter.end_of_record(file, header.dialect, _skip(file, header.data_offset), number)
    except InputError as error:
        raise with_source_name(source, error) from error


def _unpacked_size(source: Source, room: FreeSpaceGuard) -> int:
    size = read = 0
    with source.open() as file:
        while data := file.read(PIECE_BYTES):
            size += len(data)
            room.add_expected(len(data))
            progress.advance(0, file.position - read)
            read = file.position
    return size


def _cut_ranges(source: Source, header: InputHeader, count: int, request: Request, end: int) -> list[Chunk]:
    """Cut a plain file up to `end` into ranges, in parallel, reading it once.

    The start of a range is guessed from the bytes around it, and proven by the scan of the previous range: the first
    range starts outside quotes, and each range must end outside quotes where the next one starts.

    Raises UnreliableQuoteParity if a guess fails, or quote parity is unreliable.
    """
    start = header.data_offset
    cuts = sorted({start + (end - start) * index // count for index in range(count)})
    with source.path.open("rb") as file:
        boundaries = {start, *(_next_record(file, cut, end, header.dialect) for cut in cuts[1:])} - {end}
    starts = sorted(boundaries or {start})
    ranges = [
        _Range(source.path, low, high, header.dialect, request.block_bytes, slot)
        for slot, (low, high) in enumerate(zip(starts, [*starts[1:], end], strict=True))
    ]
    progress.begin("splitting", [one.high - one.low for one in ranges])
    workers = resources.workers_for(request.workers, min(len(starts), (end - start) // (4 << 20) + 1))
    return list(renumbered(_cut_all(ranges, workers)))


def _cut_all(ranges: Sequence[_Range], count: int) -> Iterable[list[Chunk]]:
    """Cut ranges with `count` workers, or in this process if one is enough.

    The workers are threads if the native kernel does the work, because it releases the GIL; else processes.
    """
    if count == 1:
        return map(_cut_range, ranges)
    if kernel() is not None and ranges[0].dialect.lineterminator == "\n":
        return map_in_threads(_cut_range, ranges, count)
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(count, mp_context=get_context("fork"))
    try:
        return list(pool.map(_cut_range, ranges))
    finally:
        pool.shutdown(cancel_futures=True)


def first_end(grammar: Grammar, data: bytes, before: int, inside: bool) -> int | None:
    """Return the offset of the first record end in regular data, None without one. Reads no more than it needs."""
    size = FIRST_END_BYTES
    while True:
        part = grammar.decided(data[:size]) if size < len(data) else data
        ends = grammar.scan(part, previous_byte=before, inside_quotes=inside).ends
        if ends.size or size >= len(data):
            return int(ends[0]) if ends.size else None
        size *= 4


def _next_record(file: BinaryIO, offset: int, end: int, dialect: Dialect) -> int:
    """Return the likely start of the first record after `offset`; `end` if there is none.

    Either `offset` is inside quotes or not; under the wrong assumption, a quote soon appears where none is allowed.

    Raises UnreliableQuoteParity if both assumptions fail.
    """
    grammar = Grammar(dialect)
    size = GUESS_BYTES
    while True:
        file.seek(offset - 1)
        before = file.read(1)[0]
        data = grammar.read_piece(file, min(size, end - offset))
        likely = next((inside for inside in (False, True) if grammar.is_regular(data, before, inside)), None)
        if likely is None:
            raise UnreliableQuoteParity
        if (found := first_end(grammar, data, before, likely)) is not None:
            return offset + found + 1
        if offset + len(data) >= end:
            return end
        size *= 4
        if size > MAX_RECORD_BYTES:
            raise UnreliableQuoteParity  # the scan from the start reports which record is too long


class _Range(NamedTuple):
    """The bytes [low, high) of a file. slot: of the progress counters."""

    path: Path
    low: int
    high: int
    dialect: Dialect
    block_bytes: int
    slot: int


def _cut_range(given: _Range) -> list[Chunk]:
    """Cut a range into one chunk of blocks."""
    low, high, dialect, block_bytes = given.low, given.high, given.dialect, given.block_bytes
    cutter = Cutter(dialect, offset=low, next_target=no_targets, block_bytes=block_bytes, adaptive=False)
    grammar = Grammar(dialect)
    with given.path.open("rb") as file:
        file.seek(low)
        while low < high:
            piece = grammar.read_piece(file, min(PIECE_BYTES, block_bytes, high - low))
            if not piece:
                break
            piece = piece[: high - low]
            cutter.feed(piece)
            low += len(piece)
            progress.advance(given.slot, len(piece))
    return cutter.finish()

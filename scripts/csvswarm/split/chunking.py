"""Cut an input into chunks: ranges of it in parallel, or chunk files in one stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from csvswarm.csv_format.dialect import Dialect
from csvswarm.csv_format.record_scan import MAX_RECORD_BYTES, Grammar
from csvswarm.errors import InputError, naming
from csvswarm.input.header import Head, named
from csvswarm.input.source import Source
from csvswarm.job.chunk import Chunk
from csvswarm.job.directory import Job
from csvswarm.job.durable_files import write_durably
from csvswarm.job.free_space import Room
from csvswarm.job.request import Request
from csvswarm.native.library import kernel
from csvswarm.runtime import resources
from csvswarm.split.cutter import (
    PIECE_BYTES,
    Cutter,
    Irregular,
    Sink,
    even_targets,
    no_targets,
    renumbered,
    sized_targets,
)

GUESS_BYTES = 64 << 10
HEADER_FILE = "000000-header.csv"


def cut_input(
    job: Job, source: Source, head: Head, request: Request, mode: str, most: int = resources.MAX_CHUNK_BYTES
) -> list[Chunk]:
    """Cut the input into chunks, in the mode "ranges" or "files". Raises InputError when a quote is never closed.

    most: bytes of a chunk at most, about, when the request does not say how many chunks there shall be.
    """
    resources.keep_freed_memory()
    job.remove_chunks()  # of a split that was killed
    open_sink, room = None, Room(job.chunks_directory)
    end = _end_of_record(source, head, request.limit) if request.limit else None
    if mode == "files":
        write_durably(job.chunks_directory / HEADER_FILE, head.preamble)
        open_sink = _ChunkFiles(job.chunks_directory, room)
    try:
        if source.is_plain:
            last = source.size if end is None else end
            size = last - head.data_offset
            count = request.chunks or -(-size // resources.chunk_bytes_for(size, request.workers, most)) or 1
            if mode == "ranges":
                try:
                    return _cut_ranges(source, head, count, request, last)
                except Irregular:
                    pass
            targets = even_targets(head.data_offset, last, count)
        elif request.chunks:
            last = _unpacked_size(source, room) if end is None else end
            targets = even_targets(head.data_offset, last, request.chunks)
        else:
            # The size is not known before the end: a usual ratio of compression decides how many chunks it becomes.
            likely = source.size * (5 if source.compression else 1)
            targets = sized_targets(resources.chunk_bytes_for(likely, request.workers, most))
        return _cut_stream(source, head, targets, request, open_sink, end)
    except InputError as error:
        for useless in job.chunks_directory.iterdir():
            useless.unlink()
        raise named(source, error) from error
    finally:
        if open_sink:
            open_sink.abandon()


class _ChunkFiles:
    """Opens a file for each chunk, one after the other."""

    def __init__(self, directory: Path, room: Room) -> None:
        self._directory, self._room = directory, room
        self._last: _ChunkFile | None = None

    def __call__(self, number: int) -> tuple[str, Sink]:
        name = f"{number:06d}.csv"
        self._last = _ChunkFile(self._directory / name, self._room)
        return name, self._last

    def abandon(self) -> None:
        """Close the file that a failed split was writing."""
        if self._last:
            self._last.abandon()


class _ChunkFile:
    """A chunk file, on disk when it is closed."""

    def __init__(self, path: Path, room: Room) -> None:
        self._path, self._room = path, room
        self._file = path.open("wb")

    def write(self, data: bytes | memoryview) -> None:
        self._room.write(len(data))
        with naming(self._path):
            self._file.write(data)

    def close(self) -> None:
        with naming(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def abandon(self) -> None:
        with suppress(OSError):  # what failed before is what counts
            self._file.close()


def _cut_stream(
    source: Source,
    head: Head,
    targets: Callable[[int], int | None],
    request: Request,
    open_sink: Any,
    end: int | None,
) -> list[Chunk]:
    cutter = Cutter(
        head.dialect,
        offset=head.data_offset,
        next_target=targets,
        block_bytes=request.block_bytes,
        open_sink=open_sink,
    )
    grammar = Grammar(head.dialect)
    with source.open() as file:
        position = _skip(file, head.data_offset)
        while piece := grammar.read_piece(file, min(PIECE_BYTES, request.block_bytes)):
            cutter.feed(piece if end is None else piece[: end - position])
            position += len(piece)
            if end is not None and position >= end:
                break
    return cutter.finish()


def _skip(file: BinaryIO, count: int) -> int:
    left = count
    while left:
        left -= len(file.read(left))
    return count


def _end_of_record(source: Source, head: Head, number: int) -> int | None:
    """Return where record `number` ends, in the unpacked input; None when there are fewer. Raises InputError."""
    try:
        with source.open() as file:
            return Cutter.end_of_record(file, head.dialect, _skip(file, head.data_offset), number)
    except InputError as error:
        raise named(source, error) from error


def _unpacked_size(source: Source, room: Room) -> int:
    size = 0
    with source.open() as file:
        while data := file.read(PIECE_BYTES):
            size += len(data)
            room.count(len(data))
    return size


def _cut_ranges(source: Source, head: Head, count: int, request: Request, end: int) -> list[Chunk]:
    """Cut a plain file up to `end` into ranges, in parallel, reading it once.

    Where a range starts is told from the bytes around it, and proven by the scan of the range before: the first range
    starts outside quotes, and one that ends outside of them hands that on to the next.

    Raises Irregular when that fails, or quotes stand where parity cannot be trusted.
    """
    start = head.data_offset
    cuts = sorted({start + (end - start) * place // count for place in range(count)})
    with source.path.open("rb") as file:
        found = {start, *(_next_record(file, cut, end, head.dialect) for cut in cuts[1:])} - {end}
    begins = sorted(found or {start})
    arguments = [
        (source.path, low, high, head.dialect, request.block_bytes)
        for low, high in zip(begins, [*begins[1:], end], strict=True)
    ]
    workers = resources.workers_for(request.workers, min(len(begins), (end - start) // (4 << 20) + 1))
    with _Workers(workers, head.dialect) as run:
        return list(renumbered(run(_cut_range, arguments)))


def _pool_of(count: int, dialect: Dialect) -> Executor:
    """Return so many threads where the native kernel does the work, which lets others run meanwhile; else processes."""
    if kernel() is not None and dialect.lineterminator == "\n":
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(count)
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    return ProcessPoolExecutor(count, mp_context=get_context("fork"))


class _Workers:
    """Maps a function over arguments by so many workers; here when one is enough."""

    def __init__(self, count: int, dialect: Dialect) -> None:
        self._pool = _pool_of(count, dialect) if count > 1 else None

    def __enter__(self) -> Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], list[Any]]:
        def run(function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
            if self._pool is None:
                return [function(*given) for given in arguments]
            return list(self._pool.map(function, *zip(*arguments, strict=True)))

        return run

    def __exit__(self, *exception: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _next_record(file: BinaryIO, offset: int, end: int, dialect: Dialect) -> int:
    """Return where the first record seems to start that begins after `offset`; `end` when there is none.

    Of the two assumptions, that `offset` is within quotes or not, the wrong one soon puts quotes where none may stand.

    Raises Irregular when both do.
    """
    grammar = Grammar(dialect)
    size = GUESS_BYTES
    while True:
        file.seek(offset - 1)
        before = file.read(1)[0]
        data = grammar.read_piece(file, min(size, end - offset))
        scans = [grammar.scan(data, before=before, inside=inside) for inside in (False, True)]
        likely = next((scan for scan in scans if scan.regular), None)
        if likely is None:
            raise Irregular
        if likely.ends.size:
            return offset + int(likely.ends[0]) + 1
        if offset + len(data) >= end:
            return end
        size *= 4
        if size > MAX_RECORD_BYTES:
            raise Irregular  # the scan from the start says which record is so long


def _cut_range(path: Path, low: int, high: int, dialect: Dialect, block_bytes: int) -> list[Chunk]:
    """Cut the bytes [low, high) into one chunk of blocks."""
    cutter = Cutter(dialect, offset=low, next_target=no_targets, block_bytes=block_bytes, adaptive=False)
    grammar = Grammar(dialect)
    with path.open("rb") as file:
        file.seek(low)
        while low < high:
            piece = grammar.read_piece(file, min(PIECE_BYTES, block_bytes, high - low))
            if not piece:
                break
            piece = piece[: high - low]
            cutter.feed(piece)
            low += len(piece)
    return cutter.finish()

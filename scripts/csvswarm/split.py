"""Split: from an input file to a job directory with chunks, a schema and a manifest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO

from . import machine
from .block import Reader, read_range
from .collect import standing_result
from .cut import PIECE_BYTES, Chunk, Cutter, Irregular, Sink, even_targets, no_targets, renumbered, sized_targets
from .dialect import BOM, Dialect, header_names, sniff
from .errors import InputError, JobError, OptionError
from .job import Job, Manifest, write_durably
from .processor import Context, Processor, find_processor, load_processor
from .records import Grammar, starts_of
from .schema import NULL_VALUES, Schema, Values, check_types
from .source import Source, check_text, find_source

HEAD_BYTES = 256 << 10
MAX_HEADER_BYTES = 64 << 20
SAMPLES, SAMPLE_BYTES = 64, 16 << 10
GUESS_BYTES = 64 << 10
HEADER_FILE = "000000-header.csv"


@dataclass(frozen=True)
class Request:
    """What the user asked for, as it came: see the scripts' --help."""

    input: Path
    processor: str = "statistics"
    options: dict[str, Any] = field(default_factory=dict)
    chunks: int | None = None
    workers: int | None = None
    on_error: str = "fail"
    mode: str = "auto"
    delimiter: str | None = None
    quotechar: str | None = None
    encoding: str = "utf-8"
    column_types: dict[str, Any] = field(default_factory=dict)
    null_values: list[str] | None = None
    block_bytes: int = 8 << 20


@dataclass(frozen=True)
class Head:
    """The start of the CSV: dialect, whether there is a byte order mark, the header, where the records start."""

    dialect: Dialect
    bom: bool
    header: bytes
    names: list[str]
    data_offset: int
    preamble: bytes


def split(job: Job, request: Request, output: Path | None = None) -> Manifest:
    """Make the job's chunks, schema and manifest; a job that has them already is returned as it is.

    output: where the result is wanted. A job that is done, but has no result there (any more), is split again.

    Raises InputError, OptionError, ProcessorError, and JobError when the job was made for something else.
    """
    started = time.monotonic()
    processor_path = find_processor(request.processor)
    processor = load_processor(processor_path)
    source = find_source(request.input.expanduser().absolute(), request.encoding)
    options = processor.check(request.options)
    wish = _wish(request, options)
    if (manifest := job.manifest()) is not None:
        _check_same(job, manifest, source, processor, wish)
        if not job.done_path.exists() or output is None or standing_result(output, job) is not None:
            return manifest
        job.forget_all()  # it was done and its data removed, but the result is not where it is wanted
    try:
        head = _read_head(source, request)
    except InputError as error:
        raise _named(source, error) from error
    fixed = check_types(request.column_types, head.names)
    sampler = _Sampler(head, fixed, wish["null_values"], str(source.path))
    _check_options(processor, options, head, sampler.schema_of_head(source), wish)
    job.create()
    write_durably(job.processor_path, processor_path.read_bytes())
    mode = _mode(request, source)
    chunks = _cut(job, source, head, request, mode)
    schema = sampler.schema(_sample_blocks(job, source, chunks))
    _check_options(processor, options, head, schema, wish)
    job.save_schema(1, schema.to_json())
    _check_unchanged(source)
    manifest = Manifest(
        job_id=job.job_id,
        input=source.to_json(),
        request=wish,
        processor={"name": processor.name, "sha256": processor.sha256, "source": str(processor_path)},
        dialect=head.dialect,
        bom=head.bom,
        header=head.header.decode("utf-8"),
        names=head.names,
        mode=mode,
        chunks=chunks,
        split_seconds=time.monotonic() - started,
    )
    job.save_manifest(manifest)
    return manifest


def _wish(request: Request, options: dict[str, Any]) -> dict[str, Any]:
    """Return what of the request decides about the result, as the manifest keeps it."""
    if request.on_error not in ("fail", "quarantine"):
        raise OptionError(f"on_error is {request.on_error!r}, but must be fail or quarantine.")
    return {
        "options": options,
        "on_error": request.on_error,
        "delimiter": request.delimiter,
        "quotechar": request.quotechar,
        "column_types": request.column_types,
        "null_values": list(NULL_VALUES) if request.null_values is None else ["", *request.null_values],
    }


def _check_same(job: Job, manifest: Manifest, source: Source, processor: Processor, wish: dict[str, Any]) -> None:
    """Raise JobError when a job that is to be resumed was made for another input, processor or request."""
    same = source.to_json()
    if manifest.input["path"] != same["path"]:
        what = f"for another input ({manifest.input['path']})"
    elif manifest.input["encoding"] != same["encoding"]:
        what = f"with another encoding ({manifest.input['encoding']})"
    elif manifest.input != same:
        what = f"from {source.path} as it was before it changed"
    elif manifest.processor["sha256"] != processor.sha256:
        what = f"with another processor, or another version of it ({manifest.processor['source']})"
    elif changed := [name for name, value in wish.items() if manifest.request[name] != value and name != "on_error"]:
        what = f"with another value of {', '.join(changed)}"
    elif manifest.request["on_error"] != wish["on_error"]:
        # chunks that are done had no bad record, or set theirs aside: either way they stand
        manifest.request["on_error"] = wish["on_error"]
        job.save_manifest(manifest)
        return
    else:
        return
    raise JobError(f"job {job.job_id} was made {what}: leave out job_id to start a new job.")


def _mode(request: Request, source: Source) -> str:
    if request.mode == "ranges" and not source.is_plain:
        raise OptionError(f"{source.path} is compressed or not UTF-8: ranges of it cannot be read; use mode files.")
    return ("ranges" if source.is_plain else "files") if request.mode == "auto" else request.mode


def _named(source: Source, error: InputError) -> InputError:
    """Return the error with the name of the file in its message."""
    return error if str(error).startswith(str(source.path)) else InputError(f"{source.path}: {error}")


# -- the head ----------------------------------------------------------------------------------------------------------


def _read_head(source: Source, request: Request) -> Head:
    with source.open() as file:
        head = file.read(HEAD_BYTES)
        while len(head) < HEAD_BYTES and (more := file.read(HEAD_BYTES - len(head))):
            head += more
        check_text(head, source)
        bom = head.startswith(BOM)
        skip = len(BOM) if bom else 0
        tabs_first = ".tsv" in source.path.suffixes or ".tab" in source.path.suffixes
        dialect = sniff(head[skip:], delimiter=request.delimiter, quotechar=request.quotechar, tabs_first=tabs_first)
        grammar = Grammar(dialect)
        while True:
            while head[-1] in grammar.open_ended and (more := file.read(1)):
                head += more
            structure = grammar.scan(head[skip:])
            text = head[skip:]
            for start, end in zip(starts_of(structure.ends).tolist(), structure.ends.tolist(), strict=True):
                if record := text[start : end + 1].rstrip(b"\r\n"):
                    terminator = text[start + len(record) : end + 1].decode("ascii")
                    place = skip + end + 1
                    return _head(head, dialect, terminator, bom, record, place)
            more = file.read(len(head))
            if not more:
                break
            head += more
            if len(head) > MAX_HEADER_BYTES:
                raise InputError(
                    f"{source.path}: the header does not end within {MAX_HEADER_BYTES >> 20} MB; is it a CSV?"
                )
    if structure.inside:
        raise InputError(f"{source.path}: the header opens a quote that is never closed.")
    return _head(head, dialect, "\n", bom, text.strip(b"\r\n"), len(head))


def _head(head: bytes, dialect: Dialect, terminator: str, bom: bool, record: bytes, place: int) -> Head:
    dialect = Dialect(dialect.delimiter, dialect.quotechar, terminator)
    return Head(dialect, bom, record, header_names(record, dialect), place, head[:place])


def _check_options(
    processor: Processor, options: dict[str, Any], head: Head, schema: Schema, wish: dict[str, Any]
) -> None:
    """Let the processor look at the columns, so that a wrong option is told before the work and not after it."""
    context = Context(
        options=dict(options), names=head.names, schema=schema, dialect=head.dialect, null_values=wish["null_values"]
    )
    processor.columns(context)
    processor.overlap(context)


# -- cutting -----------------------------------------------------------------------------------------------------------


def _cut(job: Job, source: Source, head: Head, request: Request, mode: str) -> list[Chunk]:
    for leftover in job.chunks_directory.iterdir():  # of a split that was killed
        leftover.unlink()
    open_sink = None
    if mode == "files":
        write_durably(job.chunks_directory / HEADER_FILE, head.preamble)
        open_sink = _chunk_files(job.chunks_directory)
    try:
        if source.is_plain:
            size = source.size - head.data_offset
            count = request.chunks or -(-size // machine.chunk_bytes_for(size, request.workers)) or 1
            if mode == "ranges":
                try:
                    return _cut_ranges(source, head, count, request)
                except Irregular:
                    pass
            targets = even_targets(head.data_offset, source.size, count)
        elif request.chunks:
            targets = even_targets(head.data_offset, _unpacked_size(source), request.chunks)
        else:
            # The size is not known before the end: a usual ratio of compression decides how many chunks it becomes.
            likely = source.size * (5 if source.compression else 1)
            targets = sized_targets(machine.chunk_bytes_for(likely, request.workers))
        return _cut_stream(source, head, targets, request, open_sink)
    except InputError as error:
        raise _named(source, error) from error


def _chunk_files(directory: Path) -> Callable[[int], tuple[str, Sink]]:
    def open_sink(number: int) -> tuple[str, Sink]:
        name = f"{number:06d}.csv"
        return name, _ChunkFile(directory / name)

    return open_sink


class _ChunkFile:
    """A chunk file, on disk when it is closed."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, data: bytes | memoryview) -> None:
        self._file.write(data)

    def close(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _cut_stream(
    source: Source, head: Head, targets: Callable[[int], int | None], request: Request, open_sink: Any
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
        left = head.data_offset
        while left:
            left -= len(file.read(left))
        while piece := grammar.read_piece(file, min(PIECE_BYTES, request.block_bytes)):
            cutter.feed(piece)
    return cutter.finish()


def _unpacked_size(source: Source) -> int:
    size = 0
    with source.open() as file:
        while data := file.read(PIECE_BYTES):
            size += len(data)
    return size


def _cut_ranges(source: Source, head: Head, count: int, request: Request) -> list[Chunk]:
    """Cut a plain file into ranges, in parallel, reading it once.

    Where a range starts is told from the bytes around it, and proven by the scan of the range before: the first range
    starts outside quotes, and one that ends outside of them hands that on to the next.

    Raises Irregular when that fails, or quotes stand where parity cannot be trusted.
    """
    start, end = head.data_offset, source.size
    cuts = sorted({start + (end - start) * place // count for place in range(count)})
    with source.path.open("rb") as file:
        found = {start, *(_next_record(file, cut, end, head.dialect) for cut in cuts[1:])} - {end}
    begins = sorted(found or {start})
    arguments = [
        (source.path, low, high, head.dialect, request.block_bytes)
        for low, high in zip(begins, [*begins[1:], end], strict=True)
    ]
    processes = machine.workers_for(request.workers, min(len(begins), (end - start) // (4 << 20) + 1))
    with _Processes(processes) as run:
        return list(renumbered(run(_cut_range, arguments)))


class _Processes:
    """Maps a function over arguments in so many processes; in this one when that is enough."""

    def __init__(self, count: int) -> None:
        self._pool = ProcessPoolExecutor(count, mp_context=get_context("fork")) if count > 1 else None

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


# -- the schema --------------------------------------------------------------------------------------------------------


class _Sampler:
    """Infers a first schema from samples; the workers check that everything else fits it."""

    def __init__(self, head: Head, fixed: dict[str, str], null_values: list[str], source: str) -> None:
        self._head, self._fixed = head, fixed
        self._grammar = Grammar(head.dialect)
        nothing = Schema({name: frozenset() for name in head.names}, fixed)
        self._nothing = nothing
        self._reader = Reader(
            dialect=head.dialect,
            names=head.names,
            schema=Schema(nothing.kinds, {}),
            columns=head.names,
            null_values=null_values,
            source=source,
            quarantine=True,
        )
        self._values = Values(null_values)

    def schema(self, samples: Sequence[tuple[bytes, bool]]) -> Schema:
        """Return the schema that fits samples; each is (bytes from a record's start on, whether it ends with one)."""
        whole = (data if complete else self._whole(data) for data, complete in samples)
        return self._nothing.widened(self._reader.observe(data, 1) for data in whole)

    def schema_of_head(self, source: Source) -> Schema:
        """Return a schema of the first records, good enough to check options with."""
        with source.open() as file:
            data = file.read(HEAD_BYTES)
        return self.schema([(data[self._head.data_offset :], len(data) < HEAD_BYTES)])

    def _whole(self, data: bytes) -> bytes:
        while data and data[-1] in self._grammar.open_ended:
            data = data[:-1]
        ends = self._grammar.scan(data).ends
        return data[: int(ends[-1]) + 1] if ends.size else b""


def _sample_blocks(job: Job, source: Source, chunks: list[Chunk]) -> list[tuple[bytes, bool]]:
    """Return samples from blocks spread over the whole file."""
    blocks = [(chunk, block) for chunk in chunks for block in chunk.blocks]
    step = max(1, len(blocks) // SAMPLES)
    size = max(SAMPLE_BYTES, SAMPLE_BYTES * SAMPLES // max(1, len(blocks)))
    samples = []
    for chunk, block in blocks[::step] + blocks[-1:]:
        path = job.chunks_directory / chunk.file if chunk.file else source.path
        with path.open("rb", buffering=0) as file:
            samples.append((read_range(file, block.offset, min(size, block.length)), size >= block.length))
    return samples


def _check_unchanged(source: Source) -> None:
    status = source.path.stat()
    if (status.st_size, status.st_mtime_ns) != (source.size, source.mtime_ns):
        raise InputError(f"{source.path} changed while it was split: run again when nothing writes to it.")

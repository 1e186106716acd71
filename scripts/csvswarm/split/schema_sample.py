"""Infers the first schema from samples; workers verify that all other values fit it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from csvswarm.csv_format.dialect import records_of
from csvswarm.csv_format.record_scan import LF, Grammar
from csvswarm.input.combined_files import Inputs
from csvswarm.input.header import HEAD_BYTES, InputHeader
from csvswarm.input.source import Source
from csvswarm.job.chunk import BLOCK_BYTES, Chunk
from csvswarm.job.chunk_reader import read_range
from csvswarm.job.directory import JobDirectory
from csvswarm.job.manifest import Manifest
from csvswarm.native.library import kernel
from csvswarm.native.record_scan import count
from csvswarm.reading.block_reader import Reader
from csvswarm.runtime import resources
from csvswarm.runtime.threads import map_in_threads
from csvswarm.types.conversion import TextConverter
from csvswarm.types.formats import Formats
from csvswarm.types.number_text import survey
from csvswarm.types.schema import Schema

SAMPLES, SAMPLE_BYTES = 64, 16 << 10
#: Bytes of samples that are worth threads.
MANY_BYTES = 1 << 20
#: Number of stored values that keep a column from being numeric.
MAX_EXAMPLES = 3


class Sampler:
    """Infers the first schema from samples."""

    def __init__(
        self,
        header: InputHeader,
        declared: dict[str, str],
        null_values: list[str],
        source: str,
        formats: Formats | None = None,
    ) -> None:
        self._header, self._declared = header, declared
        self._grammar = Grammar(header.dialect)
        empty_schema = Schema({name: frozenset() for name in header.names}, declared)
        self._empty_schema = empty_schema
        self._reader = Reader(
            dialect=header.dialect,
            names=header.names,
            schema=Schema(empty_schema.kinds, {}),
            columns=header.names,
            null_values=null_values,
            source=source,
            quarantine=True,
            formats=formats,
        )
        self._converter = TextConverter(null_values)

    def schema(self, samples: Sequence[tuple[bytes, bool]]) -> Schema:
        """Return the schema of samples; each is (bytes from the start of a record, whether they end with a record)."""
        threads = resources.cores()
        if threads > 1 and kernel() is not None and sum(len(data) for data, _ in samples) > MANY_BYTES:
            # The last sample is as long as all others, and its parts come first.
            parts = [*self._parts(samples[-1], threads), *samples[:-1]]
            return self._empty_schema.widen(map_in_threads(self._observe, parts, threads))
        return self._empty_schema.widen(map(self._observe, samples))

    def _parts(self, sample: tuple[bytes, bool], count: int) -> Iterator[tuple[bytes, bool]]:
        """Yield a sample in parts of whole records."""
        data, complete = sample
        for left in range(count, 1, -1):
            part = self._whole_records(data[: len(data) // left])
            yield part, True
            data = data[len(part) :]
        yield data, complete

    def _observe(self, sample: tuple[bytes, bool]) -> tuple[dict[str, str], set[str]]:
        data, complete = sample
        return self._reader.observe(data if complete else self._whole_records(data), 1)

    def schema_of_first_records(self, inputs: Inputs) -> Schema:
        """Return a schema of the first records, for checking options."""
        return self.schema([inputs.first_bytes(HEAD_BYTES)])

    def _whole_records(self, data: bytes) -> bytes:
        data, grammar = self._grammar.decided(data), self._grammar
        counted = count(data, grammar.delimiter, grammar.quote, LF, False, True, exact=True)
        if counted is not None:
            return data[: counted[1] + 1]
        ends = grammar.scan(data).ends
        return data[: int(ends[-1]) + 1] if ends.size else b""


def sample_blocks(job: JobDirectory, sources: Sequence[Source], chunks: list[Chunk]) -> list[tuple[bytes, bool]]:
    """Return samples from blocks spread over the whole file, and its last block.

    All chunks rerun when a type does not fit. Columns change over time, which the last records show best.
    """
    return [(data, complete) for data, complete, _ in _samples(job, sources, chunks, last_bytes=BLOCK_BYTES)]


def _samples(
    job: JobDirectory, sources: Sequence[Source], chunks: list[Chunk], *, last_bytes: int
) -> Iterator[tuple[bytes, bool, int]]:
    """Yield (bytes, whether they end with a record, number of the first record) of samples.

    last_bytes: size of the sample of the last block, if larger than that of others.
    """
    blocks = [
        (chunk, block, chunk.first_record + before)
        for chunk in chunks
        for block, before in zip(chunk.blocks, accumulate((b.rows for b in chunk.blocks), initial=0), strict=False)
    ]
    step = max(1, len(blocks) // SAMPLES)
    size = max(SAMPLE_BYTES, SAMPLE_BYTES * SAMPLES // max(1, len(blocks)))
    for chunk, block, record in blocks[:-1:step] + blocks[-1:]:
        if block is blocks[-1][1]:
            size = max(size, last_bytes)
        path = job.chunks_directory / chunk.file if chunk.file else sources[chunk.source].path
        with path.open("rb", buffering=0) as file:
            yield read_range(file, block.offset, min(size, block.length)), size >= block.length, record


def sampled_misfits(
    job: JobDirectory, manifest: Manifest, sources: Sequence[Source], columns: Sequence[str]
) -> dict[str, list[list[Any]]]:
    """Return [record number, value] of the first values in the samples that keep columns from being numeric."""
    found: dict[str, list[list[Any]]] = {}
    indexes = {name: manifest.names.index(name) for name in columns}
    null_values, numbers = manifest.request["null_values"], Formats(**manifest.formats).numbers
    samples = _samples(job, sources, manifest.chunks, last_bytes=BLOCK_BYTES) if columns else ()
    for data, complete, record in samples:
        rows = records_of(data, manifest.dialect, complete=complete, most=len(data))
        for name, seen in survey(
            rows, indexes, null_values, MAX_EXAMPLES, first_record=record, numbers=numbers
        ).items():
            if seen.examples and name not in found:
                found[name] = [list(example) for example in seen.examples]
    return found

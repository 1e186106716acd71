"""Infer a first schema from samples; the workers check that everything else fits it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from csvswarm.csv_format.dialect import records_of
from csvswarm.csv_format.record_scan import Grammar
from csvswarm.input.header import HEAD_BYTES, Head
from csvswarm.input.source import Source
from csvswarm.job.chunk import Chunk
from csvswarm.job.chunk_reader import read_range
from csvswarm.job.directory import Job
from csvswarm.job.manifest import Manifest
from csvswarm.reading.block_reader import Reader
from csvswarm.types.conversion import Values
from csvswarm.types.formats import Formats
from csvswarm.types.number_text import survey
from csvswarm.types.schema import Schema

SAMPLES, SAMPLE_BYTES = 64, 16 << 10
#: How many values are kept that keep a column from being numeric.
MAX_EXAMPLES = 3


class Sampler:
    """Infers a first schema from samples; the workers check that everything else fits it."""

    def __init__(
        self, head: Head, fixed: dict[str, str], null_values: list[str], source: str, formats: Formats | None = None
    ) -> None:
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
            formats=formats,
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


def sample_blocks(job: Job, source: Source, chunks: list[Chunk]) -> list[tuple[bytes, bool]]:
    """Return samples from blocks spread over the whole file."""
    return [(data, complete) for data, complete, _ in _samples(job, source, chunks)]


def _samples(job: Job, source: Source, chunks: list[Chunk]) -> Iterator[tuple[bytes, bool, int]]:
    """Yield (bytes, whether they end with a record, number of the first record) of samples."""
    blocks = [
        (chunk, block, chunk.first_record + before)
        for chunk in chunks
        for block, before in zip(chunk.blocks, accumulate((b.rows for b in chunk.blocks), initial=0), strict=False)
    ]
    step = max(1, len(blocks) // SAMPLES)
    size = max(SAMPLE_BYTES, SAMPLE_BYTES * SAMPLES // max(1, len(blocks)))
    for chunk, block, record in blocks[::step] + blocks[-1:]:
        path = job.chunks_directory / chunk.file if chunk.file else source.path
        with path.open("rb", buffering=0) as file:
            yield read_range(file, block.offset, min(size, block.length)), size >= block.length, record


def sampled_misfits(
    job: Job, manifest: Manifest, source: Source, head: Head, columns: Sequence[str]
) -> dict[str, list[list[Any]]]:
    """Return [record number, value] of the first values in the samples that keep columns from being numeric."""
    found: dict[str, list[list[Any]]] = {}
    indexes = {name: head.names.index(name) for name in columns}
    null_values, numbers = manifest.request["null_values"], Formats(**manifest.formats).numbers
    for data, complete, record in _samples(job, source, manifest.chunks) if columns else ():
        rows = records_of(data, head.dialect, complete=complete, most=len(data))
        for name, seen in survey(
            rows, indexes, null_values, MAX_EXAMPLES, first_record=record, numbers=numbers
        ).items():
            if seen.examples and name not in found:
                found[name] = [list(example) for example in seen.examples]
    return found

"""Samples the columns of the input: numbers of values and of missing ones, and an example."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from typing import Any

from csvswarm.errors import printable, shown
from csvswarm.job.chunk_reader import read_range
from csvswarm.job.directory import JobDirectory
from csvswarm.job.manifest import Manifest
from csvswarm.types.schema import Schema

#: Number of samples, taken at the starts of blocks spread over the input. Together they take a few milliseconds.
SAMPLES, SAMPLE_BYTES = 12, 12 << 10


def columns(job: JobDirectory, manifest: Manifest, schema: Schema) -> list[dict[str, Any]]:
    """Return each column's name and type, the kinds of values behind the type, and figures of the samples.

    gaps: whether the job found missing values. sampled, missing: numbers of records and of missing values in the
    samples. example: the first value there, None without one.
    """
    records = _records(job, manifest)
    nulls = set(manifest.request["null_values"])
    found = []
    for place, name in enumerate(manifest.names):
        values = [record[place] for record in records]
        example = next((value for value in values if value not in nulls), None)
        found.append(
            {
                "name": name,
                "type": schema.type_of(name),
                "kinds": sorted(schema.kinds[name]),
                "fixed": name in schema.declared_types,
                "gaps": name in schema.missing,
                "sampled": len(values),
                "missing": sum(value in nulls for value in values),
                "example": None if example is None else printable(shown(example)),
            }
        )
    return found


def _records(job: JobDirectory, manifest: Manifest) -> list[list[str]]:
    """Return whole records of the samples, as many fields each as there are columns; none when they cannot be read."""
    blocks = [(chunk, block) for chunk in manifest.chunks for block in chunk.blocks]
    records: list[list[str]] = []
    for chunk, block in blocks[:: max(1, -(-len(blocks) // SAMPLES))]:
        path = manifest.data_path(chunk, job.chunks_directory)
        size = min(SAMPLE_BYTES, block.length)
        with suppress(OSError, csv.Error), path.open("rb", buffering=0) as file:
            text = read_range(file, block.offset, size).decode("utf-8", errors="replace")
            rows = list(csv.reader(io.StringIO(text, newline=""), **manifest.dialect.reader_options()))
            records += rows if size == block.length else rows[:-1]  # the last one may be cut
    return [record for record in records if len(record) == len(manifest.names)]

"""Read whole inputs with the native kernel and with Python, divided in several ways: all outcomes must be the same.

    python -m tests.fuzz.paths --cases 100000 --seed 1
    python -m tests.fuzz.paths --seconds 3600 --sanitize

Compared are the bytes of all rows, the raw records, the rejected records with their reasons, the types, and error
messages. --sanitize builds the kernel with ASan and UBSan, and passes it every input in memory of exactly its size. A
failing case is printed with the seed that reproduces it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from unittest import mock

from csvswarm.csv_format.canonical_text import output_type
from csvswarm.csv_format.dialect import CANONICAL
from csvswarm.csv_format.table_writer import encode_table
from csvswarm.errors import CsvswarmError, SchemaMismatch
from csvswarm.input.combined_files import Inputs
from csvswarm.input.header import InputHeader, read_header
from csvswarm.input.source import Source, find_source
from csvswarm.job.chunk import Chunk
from csvswarm.job.chunk_reader import ChunkReader
from csvswarm.job.directory import JobDirectory
from csvswarm.job.request import Request
from csvswarm.reading.block_reader import Reader
from csvswarm.reading.rows import Rejected, Rows
from csvswarm.split.chunking import cut_input
from csvswarm.split.schema_sample import Sampler, sample_blocks
from csvswarm.types.schema import NULL_VALUES, Schema

from tests.fuzz.inputs import Cut, Input, random_input
from tests.support.jobs import native
from tests.unit.native.exact import environment, sanitized_kernel


@dataclass
class Outcome:
    """The outcome of reading an input."""

    message: str = ""
    types: tuple[str, ...] = ()
    rows: bytes = b""
    numbers: tuple[int, ...] = ()
    raw: bytes = b""
    rejected: tuple[Rejected, ...] = ()

    def beside(self, other: Outcome) -> str:
        """Return the fields that differ."""
        return ", ".join(f"{name}={value}" for name, value in vars(self).items() if value != vars(other)[name])


def same_every_way(case: Input) -> None:
    """Raise AssertionError if kernel and Python, or two divisions of the input, have different outcomes."""
    first, second = case.cuts
    with native(True):
        expected = outcome(case, first)
    with native(False):
        others = {"Python": outcome(case, first), "Python, another cut": outcome(case, second)}
    for name, other in others.items():
        assert other == expected, f"the kernel {expected.beside(other)}\n{name} {other.beside(expected)}"


def outcome(case: Input, cut: Cut) -> Outcome:
    """Split and read an input as a job does, in this process."""
    directory = _work_directory()
    path, job = directory / "data.csv", JobDirectory(directory / "job")
    path.write_bytes(case.data)
    request = Request(input=path, chunks=cut.chunks, workers=1, block_bytes=cut.block_bytes)
    try:
        source = find_source(path)
        header = read_header(source, delimiter=case.delimiter, quotechar=case.quotechar)
        with mock.patch("csvswarm.split.chunking.GUESS_BYTES", cut.guess), mock.patch("os.fsync"):
            chunks = cut_input(job, source, header, request, cut.mode)
        return _Run(case, job, source, header, chunks).outcome()
    except CsvswarmError as error:
        return Outcome(message=str(error))


class _Run:
    """Reads one divided input."""

    def __init__(
        self, case: Input, job: JobDirectory, source: Source, header: InputHeader, chunks: list[Chunk]
    ) -> None:
        self._case, self._job, self._source, self._header, self._chunks = case, job, source, header, chunks
        self._spellings = list(NULL_VALUES) if case.spellings is None else ["", *case.spellings]
        self._schema = Schema({name: frozenset() for name in header.names}, case.types)
        if case.sampled:
            sampler = Sampler(header, case.types, self._spellings, str(source.path))
            sampler.schema_of_first_records(Inputs(((source, header),), header))
            self._schema = sampler.schema(sample_blocks(job, [source], chunks))

    def outcome(self) -> Outcome:
        while (found := self._read()) is None:
            pass
        types = tuple(self._schema.type_of(name) for name in self._case.columns)
        return Outcome("", types, found.rows, found.numbers, found.raw, found.rejected)

    def _read(self) -> Outcome | None:
        """Return the content of the chunks; None if the schema had to be widened."""
        found, observed = Outcome(), []
        for chunk in self._chunks:
            reader = self._reader(self._schema)
            try:
                for _, data, record, rows in self._blocks(chunk):
                    _take(found, reader.read(data, record, rows), self._case.keep_raw)
            except SchemaMismatch:
                observed += [
                    self._reader(self._schema).observe(data, first) for _, data, first, _ in self._blocks(chunk)
                ]
            found.rejected += tuple(reader.rejected)
        self._schema = self._schema.widen(observed)
        return None if observed else found

    def _blocks(self, chunk: Chunk) -> Iterator[tuple[Chunk, bytes, int, int]]:
        path = self._job.chunks_directory / chunk.file if chunk.file else self._source.path
        reader = ChunkReader(chunk, path)
        for block, data, record in reader.blocks():
            yield chunk, data, record, block.rows
        reader.verify()

    def _reader(self, schema: Schema) -> Reader:
        return Reader(
            dialect=self._header.dialect,
            names=self._header.names,
            schema=schema,
            columns=self._case.columns,
            null_values=self._spellings,
            source=str(self._source.path),
            quarantine=self._case.quarantine,
            watch_gaps=self._case.watch_gaps,
            keep_raw=self._case.keep_raw,
        )


def _take(found: Outcome, rows: Rows, keep_raw: bool) -> None:
    arrays = [column.combine_chunks() for column in rows.table.columns]
    found.rows += bytes(encode_table(arrays, [output_type(array) for array in arrays], CANONICAL))
    found.numbers += tuple(rows.numbers.tolist())
    assert len(rows) == rows.table.num_rows
    if keep_raw:
        assert len(rows.ends) == len(rows)
        assert rows.ends[-1] == len(rows.data) - 1 if len(rows) else not rows.data
        found.raw += rows.data


@cache
def _work_directory() -> Path:
    memory = Path("/dev/shm")
    directory = tempfile.TemporaryDirectory(prefix="csvswarm-fuzz-", dir=memory if memory.is_dir() else None)
    _KEPT.append(directory)
    JobDirectory(Path(directory.name) / "job").create()
    return Path(directory.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _rerun_with_sanitizers() -> int:
    """Run this command in a process that can load the kernel with sanitizers; return its exit code."""
    if (preloaded := environment()) is None:
        print("paths: this compiler has no sanitizer that can be preloaded")
        return 1
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.paths", *sys.argv[1:]], env=preloaded, check=False
    ).returncode


def main() -> int:
    """Run a number of cases, or run for a time; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=0, help="how many (0: no end)")
    parser.add_argument("--seconds", type=int, default=0, help="for how long (0: no end)")
    parser.add_argument("--seed", type=int, default=1, help="of the first case; each has the next number (1)")
    parser.add_argument("--sanitize", action="store_true", help="with a kernel that notices every wrong access")
    arguments = parser.parse_args()
    if arguments.sanitize and "CSVSWARM_SANITIZED" not in os.environ:
        return _rerun_with_sanitizers()
    began, done = time.monotonic(), 0
    with sanitized_kernel() if arguments.sanitize else nullcontext():
        while not (
            (arguments.cases and done >= arguments.cases)
            or (arguments.seconds and time.monotonic() - began >= arguments.seconds)
        ):
            case = random_input(Random(arguments.seed + done))
            try:
                same_every_way(case)
            except BaseException:
                print(f"paths: FAILED with --seed {arguments.seed + done} --cases 1: {case}", flush=True)
                raise
            done += 1
            if not done % 1000:
                print(f"#{done}\t{time.monotonic() - began:.0f} s", flush=True)
    print(f"Done {done} runs in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

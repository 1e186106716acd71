"""Helpers: run a job in this process from split to result, or run the scripts as a user does."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from csvswarm.collect.run import collect
from csvswarm.job.directory import SUCCESS, JobDirectory
from csvswarm.job.output_directory import RECORD_FORMAT
from csvswarm.job.state import reconcile
from csvswarm.native.library import kernel
from csvswarm.partials.merged_file import merged_files
from csvswarm.process.run import run_chunk
from csvswarm.processor_api.loader import load_job_processor
from csvswarm.split.run import Request, split
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "files/samples/flights.csv"

#: (number of chunks, bytes of a block): one piece, a few blocks, many chunks of few records each.
CUTS = ((1, 1 << 20), (2, 64), (7, 16))


@contextmanager
def native(on: bool) -> Iterator[None]:
    """Enable or disable the native kernel within the context."""
    with mock.patch.dict("os.environ", {"CSVSWARM_NATIVE": "1" if on else "0"}):
        kernel.cache_clear()
        try:
            yield
        finally:
            kernel.cache_clear()


@dataclass(frozen=True)
class Result:
    """The outcome of a job: the bytes of result.csv, and of rejected.csv if there is one."""

    data: bytes
    rejected: bytes | None = None

    @property
    def header(self) -> list[str]:
        return next(self._rows(self.data))

    @property
    def rows(self) -> list[list[str]]:
        return list(self._rows(self.data))[1:]

    @property
    def records(self) -> list[dict[str, str]]:
        return [dict(zip(self.header, row, strict=True)) for row in self.rows]

    @property
    def rejects(self) -> list[list[str]]:
        """The rows of rejected.csv: record, column, reason, text."""
        return list(self._rows(self.rejected or b""))[1:]

    @staticmethod
    def _rows(data: bytes) -> Any:
        return csv.reader(io.StringIO(data.decode("utf-8"), newline=""))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write a CSV with Python's csv module; None is a missing value."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


def run_in_process(
    directory: Path, source: Path | Sequence[Path], *, chunks: int = 1, block_bytes: int = 1 << 20, **request: Any
) -> Result:
    """Run a job in this process, in blocks of the given number of bytes."""
    name = f"job-{chunks}-{block_bytes}"
    job, output = JobDirectory(directory / name), directory / f"{name}-out"
    with mock.patch("os.fsync"):
        manifest = split(job, Request(input=source, chunks=chunks, workers=1, block_bytes=block_bytes, **request))
        processor = load_job_processor(job, manifest)
        job.discard_error_receipts()
        while (state := reconcile(job, manifest)).pending:
            for number in state.pending:
                run_chunk(job, manifest, processor, number)
        collected = collect(job, output)
    check_record(output)
    rejected = Path(collected.rejected_file).read_bytes() if collected.rejected_file else None
    return Result(bytes_of(Path(collected.result)), rejected)


def bytes_of(result: Path) -> bytes:
    """The bytes of a result; of a partitioned one, the names and bytes of all its files."""
    if result.is_file():
        return result.read_bytes()
    files = sorted(path for path in result.rglob("*") if path.is_file())
    return b"".join(f"{path.relative_to(result)}\0".encode() + path.read_bytes() for path in files)


@cache
def record_validator() -> Draft202012Validator:
    schema = json.loads((ROOT / "docs/job.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def check_record(directory: Path) -> None:
    """Check the record of a job in a directory, if there is one of this version, against its schema."""
    try:
        record = json.loads((directory / "job.json").read_text())
    except (OSError, ValueError):  # what a test has damaged or forbidden to read
        return
    if isinstance(record, dict) and record.get("format") == RECORD_FORMAT:
        record_validator().validate(record)


def run_with_all_cuts(
    directory: Path, source: Path | Sequence[Path], *, cuts: Iterable[tuple[int, int]] = CUTS, **request: Any
) -> Result:
    """Run a job with several divisions into chunks and blocks, and assert that the results are the same."""
    (first, *others) = [
        run_in_process(directory, source, chunks=chunks, block_bytes=size, **request) for chunks, size in cuts
    ]
    for other in others:
        assert other == first
    return first


def unmerge_partials(job: JobDirectory) -> None:
    """Extract every partial of a merged file to a separate file, as attempts in containers leave them."""
    receipts = list(job.receipts())
    for merged in merged_files(job):
        for part in merged.read()[0]:
            for receipt in receipts:
                if part.is_of(receipt):
                    data = merged.data.read_bytes()[part.offset : part.offset + part.bytes]
                    (job.attempts_directory / receipt.files["partial"]["name"]).write_bytes(data)
        merged.remove()


# -- the scripts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScriptResult:
    """The exit code and the output of a script."""

    code: int
    out: str
    error: str

    @property
    def answer(self) -> dict[str, Any]:
        """The summary of a successful run."""
        assert self.code == 0, self.error
        answer: dict[str, Any] = json.loads(self.out)
        return answer

    @property
    def message(self) -> str:
        """The message of a failed run: its only output, without a traceback."""
        assert self.code == 1, (self.code, self.out, self.error)
        assert not self.out
        assert "Traceback" not in self.error
        assert self.error.strip()
        return self.error.strip()

    @property
    def line(self) -> str:
        """The message, asserted to be one line."""
        assert "\n" not in self.message, self.message
        return self.message


@dataclass(frozen=True)
class Scripts:
    """The three scripts on one job, as a user runs them. before: a command that runs them, like ["nice"]."""

    directory: Path
    prefix: tuple[str, ...] = ()

    @property
    def job(self) -> Path:
        return self.directory / "job"

    @property
    def output(self) -> Path:
        return self.directory / "out"

    def split(self, source: Path, *arguments: str | Path) -> ScriptResult:
        return self._run("split_dataframe.py", "--input", source, "--output", self.output, *arguments)

    def process(self, *arguments: str) -> ScriptResult:
        return self._run("split_processing.py", *(arguments or ("--workers", "1")))

    def collect(self, *arguments: str | Path) -> ScriptResult:
        run = self._run("collect_results.py", "--output", self.output, *arguments)
        check_record(self.output)
        return run

    def report(self, *arguments: str | Path) -> ScriptResult:
        return self._run("report_job.py", *arguments)

    def all(self, source: Path, *arguments: str | Path) -> Result:
        """Run all three and assert that they succeed."""
        for run in (self.split(source, *arguments), self.process(), self.collect()):
            assert run.code == 0, run.error
        rejected = self.output / "rejected.csv"
        return Result((self.output / "result.csv").read_bytes(), rejected.read_bytes() if rejected.exists() else None)

    def shows_no_result(self, output: Path | None = None) -> bool:
        """Whether there is nothing that could be mistaken for a result, except the report of an unfinished job."""
        remaining = {path.name for path in (output or self.output).glob("*")}
        if "job.json" in remaining:
            report = json.loads(((output or self.output) / "job.json").read_text())
            return remaining == {"job.json"} and report["status"] == "collecting"
        return not remaining & {"result.csv", "rejected.csv", SUCCESS}

    def _run(self, script: str, *arguments: str | Path) -> ScriptResult:
        command = [*self.prefix, sys.executable, ROOT / "scripts" / script, "--job", self.job, "--json", *arguments]
        done = subprocess.run(command, cwd=self.directory, check=False, capture_output=True, text=True, timeout=60)
        return ScriptResult(done.returncode, done.stdout, done.stderr)

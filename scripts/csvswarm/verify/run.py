"""Run a job over the first records of its input, cut in several ways, and compare the results.

    python -m csvswarm.verify.run < request.json

The request is that of csvswarm.split.check. These jobs leave no files.
"""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from csvswarm import cli
from csvswarm.collect.run import collect
from csvswarm.errors import ProcessorError, shown
from csvswarm.job.directory import JobDirectory
from csvswarm.job.output_directory import REJECTED
from csvswarm.job.request import Request
from csvswarm.job.result_format import RESULT
from csvswarm.process.run import process_all
from csvswarm.split.check import request_of
from csvswarm.split.run import plan_split, split

#: Records to verify with, unless the job has a lower limit.
RECORDS = 10_000
#: (number of chunks, bytes of a block): one block, several blocks, and chunks of a few records each.
CUTS = ((1, 1 << 40), (2, 64 << 10), (7, 4 << 10))


def verify(request: Request, parent: Path) -> dict[str, Any]:
    """Compare the results of the same records, cut in several ways.

    parent: directory for the job directories, which are removed. Returns records (number of compared records) and
    ways (number of ways in which they were cut). Raises ProcessorError with the first row that differs, and what the
    jobs raise.
    """
    parent.mkdir(parents=True, exist_ok=True)
    limit = min(request.limit or RECORDS, RECORDS)
    results = []
    with tempfile.TemporaryDirectory(prefix=".verify-", dir=parent) as name:
        for chunks, block_bytes in CUTS:
            cut = dataclasses.replace(
                request,
                limit=limit,
                chunks=chunks,
                block_bytes=block_bytes,
                output_format="csv",
                partition_by=[],
                incremental=False,
            )
            results.append(_Result(cut, Path(name) / f"verify-{chunks}"))
        first, *others = results
        for other in others:
            first.compare(other)
    return {"records": first.records, "ways": len(results)}


class _Result:
    """The result of a job over the records, cut in one way."""

    def __init__(self, request: Request, directory: Path) -> None:
        job, self._output = JobDirectory(directory), directory.with_name(f"{directory.name}-out")
        manifest = split(job, request)
        process_all(job, request.workers)
        collect(job, self._output)
        self.records = manifest.rows
        blocks = sum(len(chunk.blocks) for chunk in manifest.chunks)
        self._cut = _counted(len(manifest.chunks), "chunk") + f" of {_counted(blocks, 'block')}"
        self._combines = plan_split(request).processor.combines

    def compare(self, other: _Result) -> None:
        """Raise ProcessorError unless another result has the same bytes."""
        for name in RESULT, REJECTED:
            ours, theirs = self._output / name, other._output / name
            if (ours.exists(), theirs.exists()) == (False, False):
                continue
            if ours.exists() and theirs.exists() and ours.read_bytes() == theirs.read_bytes():
                continue
            raise ProcessorError(
                f"the processor gives another result when the first {_counted(self.records, 'record')} are cut "
                f"differently: {_difference(name, ours, theirs, self._cut, other._cut)}\n{self._remedy()}"
            )

    def _remedy(self) -> str:
        if self._combines:
            return (
                "combine must be associative to the bit, and process must not depend on where a block begins or ends: "
                "see 'The same bytes, whatever the chunks' in files/processors/README.md."
            )
        return (
            "process sees one block at a time. If it groups, sorts, counts or removes duplicates, add a function "
            "combine(partials, context) that merges its outputs; if it needs the rows before, set OVERLAP: see "
            "files/processors/README.md."
        )


def _difference(name: str, ours: Path, theirs: Path, cut: str, other_cut: str) -> str:
    rows, other_rows = _rows(ours), _rows(theirs)
    counts = f"{name} has {_counted(max(0, len(rows) - 1), 'row')} with {cut}, "
    counts += f"{max(0, len(other_rows) - 1):,} with {other_cut}."
    for number, (row, other) in enumerate(itertools.zip_longest(rows, other_rows)):
        if row != other:
            where = f"row {number}" if number else "the header"
            return f"{counts}\nThe first difference is in {where}: {_shown(row)} and {_shown(other)}."
    return f"{counts}\nThe values are equal, but not their bytes."


def _rows(path: Path) -> list[list[str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        return list(csv.reader(file))


def _shown(row: list[str] | None) -> str:
    return "none" if row is None else repr(shown(",".join(row)))


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def main() -> int:
    """Read the request, verify, return the exit code."""

    def work() -> tuple[dict[str, Any], str]:
        job, request, _ = request_of(json.load(sys.stdin))
        done = verify(request, job.directory.parent)
        return done, f"ok: {done['records']} records give the same result in {done['ways']} ways"

    return cli.run(work, as_json=True)


if __name__ == "__main__":
    cli.exit_immediately(main())

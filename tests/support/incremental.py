"""Incremental jobs: the files of three months, and runs that find more of them each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.jobs import Result, run_in_process
from tests.support.many_files import write

JANUARY = "key,n,when\na,1,2024-01-01\nb,2,2024-01-02\n,3,\n"
FEBRUARY = "key,n,when\nb,4,2024-02-01\nc,,2024-02-02\n"
#: Under these, columns of the earlier files get another type.
WIDER = ("key,n,when\na,2.5,2024-03-01\n", "key,n,when\n7,x,soon\n", "key,n,when\n,,\n")


def run(directory: Path, source: Path | Sequence[Path], **request: Any) -> Result:
    return run_in_process(directory, source, **{"block_bytes": 64, "incremental": True, **request})


def grow(directory: Path, runs: Sequence[Mapping[str, str | bytes]], **request: Any) -> list[Result]:
    """The results of a job whose runs each find more files, each equal to that of a job over all of them."""
    results = []
    for number, files in enumerate(runs):
        folder = write(directory, files)
        results.append(run(directory, folder, **request))
        whole = {**request, "chunks": 2, "block_bytes": 16}
        assert results[-1] == run_in_process(directory / f"whole-{number}", folder, **whole)
    return results

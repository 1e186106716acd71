"""More groups than fit in memory: bounded where the processor declares keys, otherwise refused with one message."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.jobs import ROOT, Scripts

#: Runs a job on distinct groups in blocks of 16 KB, and prints the most bytes that Arrow's tables took at once.
MEASURE = """
import sys
from pathlib import Path

import pyarrow as pa
from csvswarm.collect.run import collect
from csvswarm.groupby import accumulator
from csvswarm.job.directory import JobDirectory
from csvswarm.job.state import reconcile
from csvswarm.partials import sorted_runs
from csvswarm.process.run import run_chunk
from csvswarm.processor_api.loader import load_job_processor
from csvswarm.split.run import Request, split

directory, groups = Path(sys.argv[1]), int(sys.argv[2])
assert {'MAX_ROWS_IN_MEMORY', 'BATCH_ROWS', 'FAN_IN', 'MERGE_BYTES'} <= vars(sorted_runs).keys()
sorted_runs.MAX_ROWS_IN_MEMORY, sorted_runs.BATCH_ROWS, sorted_runs.FAN_IN = 1 << 13, 1 << 10, 4
sorted_runs.MERGE_BYTES = 1 << 16
assert {'MAX_BYTES', 'PART_GROUPS'} <= vars(accumulator).keys()
accumulator.MAX_BYTES, accumulator.PART_GROUPS = 1 << 18, 1 << 10
source = directory / "data.csv"
source.write_text("id,x\\n" + "".join(f"k{row * 7919 % groups},{row % 97}\\n" for row in range(groups)))
options = {"group_by": "id", "metrics": {"x": ["sum", "median"]}}
job = JobDirectory(directory / "job")
manifest = split(job, Request(source, "aggregate", options, chunks=2, workers=1, block_bytes=1 << 14))
processor = load_job_processor(job, manifest)
for number in reconcile(job, manifest).pending:
    run_chunk(job, manifest, processor, number)
collect(job, directory / "out")
print(pa.default_memory_pool().max_memory())
"""
#: Its `combine` needs more memory than it may take: what the process has, and two million bytes.
COMBINE = """
import resource
from pathlib import Path

import pandas as pd


def process(block, context):
    return block.groupby("id", as_index=False)["x"].sum()


def combine(partials, context):
    if len(partials) > 1:
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        most = int(status["VmData"].split()[0]) * 1024 + 2_000_000
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    return pd.concat(partials).groupby("id", as_index=False)["x"].sum()
"""


def most_memory(directory: Path, groups: int) -> int:
    directory.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, directory, str(groups)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert (directory / "out/result.csv").read_text().count("\n") == groups + 1
    return int(done.stdout)


def test_memory_does_not_grow_with_the_number_of_groups(tmp_path: Path) -> None:
    few, many = (most_memory(tmp_path / str(groups), groups) for groups in (80_000, 240_000))

    assert many < 1.5 * few


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory of a process is read from /proc")
def test_too_many_groups_for_combine_are_refused(scripts: Scripts) -> None:
    source, processor = scripts.directory / "data.csv", scripts.directory / "mine.py"
    source.write_text("id,x\n" + "".join(f"group {row},1\n" for row in range(300_000)))
    processor.write_text(COMBINE)
    assert scripts.split(source, "--processor", processor, "--chunks", "2").code == 0
    assert scripts.process("--workers", "1").code == 0

    line = scripts.collect().line

    assert line.startswith("out of memory: ")
    assert "the same job_id; finished work is kept" in line
    assert scripts.shows_no_result()

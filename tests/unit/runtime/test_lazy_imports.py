"""pandas is imported only where a DataFrame is computed; there, pyarrow and pandas work together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.jobs import ROOT, SAMPLE

STEPS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from csvswarm.job.directory import JobDirectory
from csvswarm.split.run import Request, split
from csvswarm.process.run import process_one
from csvswarm.collect.run import collect
job = JobDirectory(Path(sys.argv[3]) / "job")
split(job, Request(input=Path(sys.argv[2]), processor=sys.argv[4], chunks=1, options=eval(sys.argv[5])))
process_one(job, 1, None)
collect(job, Path(sys.argv[3]) / "out")
print("pandas" in sys.modules)
"""
GROUPS = {"group_by": ["carrier"], "metrics": {"dep_delay": ["mean", "min", "nunique"], "dest": ["max"]}}


@pytest.mark.parametrize(
    ("processor", "options", "needed"),
    [
        ("statistics", {}, False),
        ("aggregate", GROUPS, False),
        ("transform", {}, False),
        ("transform", {"where": "distance > 500", "assign": {"far": "distance > 1000"}}, False),
        ("transform", {"where": "dest.str.len() == 3", "assign": {"also": "dest"}}, False),
        ("transform", {"where": "dest.str.title() == 'Ord'"}, True),
    ],
)
def test_pandas_is_imported_only_for_dataframes(tmp_path: Path, processor: str, options: object, needed: bool) -> None:
    command = [sys.executable, "-c", STEPS, ROOT / "scripts", SAMPLE, tmp_path, processor, repr(options)]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(needed)


def test_collection_starts_without_numpy() -> None:
    command = [sys.executable, "-c", "import sys, collect_results; print('numpy' in sys.modules)"]
    done = subprocess.run(command, cwd=ROOT / "scripts", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

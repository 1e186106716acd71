"""Several runs of one job at once: one works, the others are refused and say who does; nothing is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import ROOT, SAMPLE

LIMIT = 60
#: Its `finish` leaves a mark and waits until it may end: the test decides who ends first.
WAITING = """
import os, pathlib, time
import pandas as pd

HERE = pathlib.Path({here!r})

def process(block, context):
    return block.groupby("carrier", as_index=False).size()

def combine(partials, context):
    return pd.concat(partials).groupby("carrier", as_index=False).sum()

def finish(result, context):
    (HERE / f"in-finish-{{os.getpid()}}").touch()
    deadline = time.monotonic() + {limit}
    while not (HERE / f"go-{{os.getpid()}}").exists():
        if time.monotonic() > deadline:
            raise TimeoutError("nobody let this run end")
        time.sleep(0.01)
    return result
"""


def start(name: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "scripts" / name), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, error = process.communicate(timeout=LIMIT)
    return process.returncode, error


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not come"
        time.sleep(0.01)


def done(name: str, *arguments: object) -> None:
    code, error = end(start(name, *arguments))
    assert code == 0, error


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job of three chunks that is processed, and whose processor waits in `finish`."""
    processor, job = tmp_path / "waiting.py", tmp_path / "job"
    processor.write_text(WAITING.format(here=str(tmp_path), limit=LIMIT))
    done("split_dataframe.py", "--job", job, "--input", SAMPLE, "--processor", processor, "--chunks", 3)
    done("split_processing.py", "--job", job, "--workers", 1)
    return job


def test_of_two_collections_of_one_job_one_is_refused_and_the_result_is_whole(job: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    first = start("collect_results.py", "--job", job, "--output", output)
    wait_for((tmp_path / f"in-finish-{first.pid}").exists)

    second = start("collect_results.py", "--job", job, "--output", output)
    wait_for(lambda: second.poll() is not None or (tmp_path / f"in-finish-{second.pid}").exists())
    (tmp_path / f"go-{first.pid}").touch()
    first_code, error = end(first)
    second.kill()
    second_code, message = end(second)

    assert first_code == 0, error
    assert (output / "result.csv").read_text().startswith("carrier,size\n")
    assert (output / "_SUCCESS").is_file()
    assert second_code == 1
    assert f"collect_results.py is working on job {job.name} on " in message
    assert f"(pid {first.pid}, since " in message

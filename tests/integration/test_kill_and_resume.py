"""Kill -9 at any moment, then a rerun with the same job id: the result is the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from csvswarm.job.directory import SUCCESS, JobDirectory
from csvswarm.job.durable_files import new_token
from csvswarm.process.run import process_one, run_chunk
from csvswarm.processor_api.loader import load_job_processor
from csvswarm.split.run import Request, split

from tests.support.jobs import ROOT, SAMPLE, run_in_process

SLOW_MAP = """
import time

def process(block, context):
    deadline = time.monotonic() + 0.02  # long enough for a signal to hit it
    while time.monotonic() < deadline:
        pass
    return block.assign(total=block.distance * 2)
"""
LIMIT = 60


def script(name: object, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(ROOT / "scripts" / str(name)), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def finish(process: subprocess.Popen[bytes]) -> None:
    out, error = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, (out, error)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a script and its workers."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=LIMIT)


def test_result_is_the_same_after_kills_in_every_stage(tmp_path: Path) -> None:
    processor = tmp_path / "slow.py"
    processor.write_text(SLOW_MAP)
    (tmp_path / "once").mkdir()
    expected = run_in_process(tmp_path / "once", SAMPLE, processor=str(processor)).data
    job, output = JobDirectory(tmp_path / "job"), tmp_path / "out"
    steps: list[tuple[object, ...]] = [
        ("split_dataframe.py", "--job", job.directory, "--input", SAMPLE, "--processor", processor, "--chunks", 24),
        ("split_processing.py", "--job", job.directory, "--workers", 2),
        ("collect_results.py", "--job", job.directory, "--output", output),
    ]
    moments = random.Random(7)
    for step in steps:
        for _ in range(3):
            process = script(*step)
            # from early kills to late ones; some scripts end first
            try:
                process.communicate(timeout=moments.uniform(0.05, 1.2))
            except subprocess.TimeoutExpired:
                kill_group(process)
        finish(script(*step))
    assert (output / "result.csv").read_bytes() == expected
    assert (output / SUCCESS).is_file()
    assert sorted(path.name for path in output.iterdir()) == ["_SUCCESS", "job.json", "result.csv"]


def test_dead_worker_is_replaced_and_its_chunk_retried(tmp_path: Path) -> None:
    processor = tmp_path / "dies_once.py"
    mark = tmp_path / "died"
    processor.write_text(
        "import os, pathlib, signal\n"
        f"mark = pathlib.Path({str(mark)!r})\n"
        "def process(block, context):\n"
        "    if context.chunk == 3 and not mark.exists():\n"
        "        mark.touch()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return block\n"
    )
    job = JobDirectory(tmp_path / "job")
    finish(
        script("split_dataframe.py", "--job", job.directory, "--input", SAMPLE, "--processor", processor, "--chunks", 5)
    )
    finish(script("split_processing.py", "--job", job.directory, "--workers", 2))
    assert mark.exists()
    assert [receipt.chunk for receipt in job.receipts()] == [1, 2, 3, 4, 5]


def test_chunk_killing_every_worker_fails_with_the_reason(tmp_path: Path) -> None:
    processor = tmp_path / "dies.py"
    processor.write_text(
        "import os\n\ndef process(block, context):\n    if context.chunk == 2:\n        os._exit(9)\n    return block\n"
    )
    job = JobDirectory(tmp_path / "job")
    finish(
        script("split_dataframe.py", "--job", job.directory, "--input", SAMPLE, "--processor", processor, "--chunks", 3)
    )
    process = script("split_processing.py", "--job", job.directory, "--workers", 1)
    _, error = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert "chunk 2 failed 3 times" in error.decode()
    assert "exited with 9" in error.decode()


@pytest.mark.parametrize("processor", ["transform", "statistics"])
def test_second_of_two_attempts_leaves_no_files(tmp_path: Path, processor: str) -> None:
    job = JobDirectory(tmp_path / "job")
    manifest = split(job, Request(input=SAMPLE, processor=processor, chunks=2))
    loaded = load_job_processor(job, manifest)
    first, second = (run_chunk(job, manifest, loaded, 1, new_token()) for _ in range(2))
    assert first.files["partial"]["checksum"] == second.files["partial"]["checksum"]
    (receipt,) = job.receipts()
    assert receipt.attempt == first.attempt
    partials = [path.name for path in job.attempts_directory.iterdir() if path.suffix != ".json"]
    assert partials == [first.files["partial"]["name"]]
    assert process_one(job, 1, None) == receipt


def test_late_orphan_has_no_effect(tmp_path: Path) -> None:
    job, output = JobDirectory(tmp_path / "job"), tmp_path / "out"
    manifest = split(job, Request(input=SAMPLE, processor="transform", chunks=4))
    finish(script("split_processing.py", "--job", job.directory))
    finish(script("collect_results.py", "--job", job.directory, "--output", output))
    before = (output / "result.csv").read_bytes()
    run_chunk(job, manifest, load_job_processor(job, manifest), 2)
    assert (output / "result.csv").read_bytes() == before == SAMPLE.read_bytes()
    assert not [path for path in job.attempts_directory.iterdir() if path.suffix != ".json"]

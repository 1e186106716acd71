"""Concurrent runs of one job: one works, the others are refused with its name; nothing is lost."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import pytest
from csvswarm.collect.run import collect
from csvswarm.errors import JobError
from csvswarm.job.checksums import HashingWriter
from csvswarm.job.directory import JobDirectory
from csvswarm.job.lock import locked
from csvswarm.job.state import reconcile
from csvswarm.partials.assemble import write_result
from csvswarm.process.run import process_all
from csvswarm.split.run import Request, split

from tests.support.jobs import SAMPLE, Scripts
from tests.support.processes import LIMIT, done, end, start, wait_for

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
            raise TimeoutError("the test did not let this run end")
        time.sleep(0.01)
    return result
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A processed job of three chunks whose processor waits in `finish`."""
    processor, job = tmp_path / "waiting.py", tmp_path / "job"
    processor.write_text(WAITING.format(here=str(tmp_path), limit=LIMIT))
    done("split_dataframe.py", "--job", job, "--input", SAMPLE, "--processor", processor, "--chunks", 3)
    done("split_processing.py", "--job", job, "--workers", 1)
    return job


def test_second_concurrent_collection_is_rejected_and_the_result_is_complete(job: Path, tmp_path: Path) -> None:
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


def test_writers_are_rejected_while_a_run_owns_the_lock(job: Path, tmp_path: Path) -> None:
    first = start("collect_results.py", "--job", job, "--output", tmp_path / "out")
    wait_for((tmp_path / f"in-finish-{first.pid}").exists)
    before = {path: path.stat().st_mtime_ns for path in job.rglob("*") if path.is_file()}

    others = [
        start("split_dataframe.py", "--job", job, "--input", SAMPLE, "--processor", tmp_path / "waiting.py"),
        start("split_processing.py", "--job", job, "--workers", 1),
        start("collect_results.py", "--job", job, "--output", tmp_path / "elsewhere", "--plan"),
    ]
    for other in others:
        code, message = end(other)
        assert code == 1
        assert message.startswith(
            f"collect_results.py is working on job job on {socket.gethostname()} (pid {first.pid}"
        )
        assert message.endswith("): wait until it ends, or end it; nothing was changed.\n")
    assert {path: path.stat().st_mtime_ns for path in job.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "elsewhere").exists()

    (tmp_path / f"go-{first.pid}").touch()
    assert end(first)[0] == 0


def test_container_attempt_needs_no_lock(tmp_path: Path) -> None:
    job = tmp_path / "job"
    done("split_dataframe.py", "--job", job, "--input", SAMPLE, "--processor", "transform", "--chunks", 2)
    with locked(job, "job job"):
        done("split_processing.py", "--job", job, "--chunk", 1)
        done("split_processing.py", "--job", job, "--chunk", 1)
    assert [receipt.chunk for receipt in JobDirectory(job).receipts()] == [1]


def test_lock_is_released_when_its_holder_ends(job: Path, tmp_path: Path) -> None:
    first = start("collect_results.py", "--job", job, "--output", tmp_path / "out")
    wait_for((tmp_path / f"in-finish-{first.pid}").exists)
    first.kill()
    end(first)

    second = start("collect_results.py", "--job", job, "--output", tmp_path / "out")
    (tmp_path / f"go-{second.pid}").touch()

    assert end(second)[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["_SUCCESS", "job.json", "result.csv"]


def test_orphaned_workers_do_not_keep_the_lock(tmp_path: Path) -> None:
    processor = tmp_path / "slow.py"
    processor.write_text(
        "import os, pathlib, time\n\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n\n"
        "def process(block, context):\n"
        "    if context.chunk == 1 and not (here / 'worker').exists():\n"
        "        (here / 'worker').write_text(str(os.getpid()))\n"
        f"        deadline = time.monotonic() + {LIMIT}\n"
        "        while not (here / 'go').exists() and time.monotonic() < deadline:\n"
        "            time.sleep(0.01)\n"
        "    return block\n"
    )
    job, output = tmp_path / "job", tmp_path / "out"
    done("split_dataframe.py", "--job", job, "--input", SAMPLE, "--processor", processor, "--chunks", 3)
    first = start("split_processing.py", "--job", job, "--workers", 1)
    wait_for(lambda: (tmp_path / "worker").exists() and bool((tmp_path / "worker").read_text()))
    first.kill()
    first.wait(LIMIT)

    done("split_processing.py", "--job", job, "--workers", 1)
    done("collect_results.py", "--job", job, "--output", output)
    (tmp_path / "go").touch()  # the worker ends now, after the job

    wait_for(lambda: not Path(f"/proc/{(tmp_path / 'worker').read_text()}").exists())
    first.communicate()
    assert Scripts(tmp_path).collect().code == 0
    assert (output / "_SUCCESS").is_file()
    assert not [path.name for path in (job / "attempts").iterdir() if path.suffix != ".json"]


def test_second_job_for_an_output_directory_fails_and_keeps_its_work(job: Path, tmp_path: Path) -> None:
    output, other = tmp_path / "out", tmp_path / "other"
    done("split_dataframe.py", "--job", other, "--input", SAMPLE, "--processor", "transform", "--chunks", 2)
    done("split_processing.py", "--job", other, "--workers", 1)
    first = start("collect_results.py", "--job", job, "--output", output)
    wait_for((tmp_path / f"in-finish-{first.pid}").exists)

    code, message = end(start("collect_results.py", "--job", other, "--output", output))

    assert code == 1
    assert message.startswith(f"output {output} already contains the result of job job: name another directory")
    (tmp_path / f"go-{first.pid}").touch()
    assert end(first)[0] == 0
    done("collect_results.py", "--job", other, "--output", tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere/result.csv").read_bytes() == SAMPLE.read_bytes()


def test_second_job_of_the_same_name_and_output_is_rejected(job: Path, tmp_path: Path) -> None:
    namesake = tmp_path / "elsewhere" / "job"
    done("split_dataframe.py", "--job", namesake, "--input", SAMPLE, "--processor", "transform", "--chunks", 2)
    done("split_processing.py", "--job", namesake, "--workers", 1)
    first = start("collect_results.py", "--job", job, "--output", tmp_path / "out")
    wait_for((tmp_path / f"in-finish-{first.pid}").exists)

    code, message = end(start("collect_results.py", "--job", namesake, "--output", tmp_path / "out"))

    assert code == 1
    assert message.startswith(f"collect_results.py is working on the result in {tmp_path / 'out'} on ")
    (tmp_path / f"go-{first.pid}").touch()
    assert end(first)[0] == 0


def test_collection_without_its_lock_revokes_no_receipts_of_a_finished_job(tmp_path: Path) -> None:
    job, output = JobDirectory(tmp_path / "job"), tmp_path / "out"
    manifest = split(job, Request(input=SAMPLE, processor="statistics", chunks=2, workers=1))
    process_all(job, 1)
    state = reconcile(job, manifest)
    collect(job, output)
    receipts = list(job.receipts())

    with pytest.raises(JobError, match="job job was collected by another run in the meantime"):
        write_result(HashingWriter(io.BytesIO()), job, manifest, state.schema, list(state.done.values()))

    assert list(job.receipts()) == receipts
    assert collect(job, output).rows_in == manifest.rows

"""Concurrent runs of one job: one works, the others are refused with its name; nothing is lost."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from csvswarm.collect.run import collect
from csvswarm.errors import JobError
from csvswarm.job.checksums import HashingWriter
from csvswarm.job.directory import Job
from csvswarm.job.lock import LOCK, locked
from csvswarm.job.state import reconcile
from csvswarm.partials.assemble import write_result
from csvswarm.process.run import process_all
from csvswarm.split.run import Request, split

from tests.support.jobs import ROOT, SAMPLE, Scripts

LIMIT = 60
#: Its `finish` creates a file and waits until the test lets it end.
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


def start(name: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "scripts" / name), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, error = process.communicate(timeout=LIMIT)
    return process.returncode, error


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "the awaited condition did not occur"
        time.sleep(0.01)


def done(name: str, *arguments: object) -> None:
    code, error = end(start(name, *arguments))
    assert code == 0, error


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


def test_writers_are_rejected_while_a_run_holds_the_lock(job: Path, tmp_path: Path) -> None:
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
    assert [receipt.chunk for receipt in Job(job).receipts()] == [1]


def test_lock_is_released_when_its_holder_ends(job: Path, tmp_path: Path) -> None:
    first = start("collect_results.py", "--job", job, "--output", tmp_path / "out")
    wait_for((tmp_path / f"in-finish-{first.pid}").exists)
    first.kill()
    end(first)

    second = start("collect_results.py", "--job", job, "--output", tmp_path / "out")
    (tmp_path / f"go-{second.pid}").touch()

    assert end(second)[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["_SUCCESS", "job.json", "result.csv"]


def test_orphaned_workers_do_not_hold_the_lock(tmp_path: Path) -> None:
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


def test_one_of_two_jobs_claims_the_output_and_the_other_keeps_its_work(job: Path, tmp_path: Path) -> None:
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


# -- the lock itself ---------------------------------------------------------------------------------------------------


def holder_of(directory: Path) -> subprocess.Popen[str]:
    """Start a process that locks a directory until its standard input ends."""
    code = (
        "import pathlib, sys\nfrom csvswarm.job.lock import locked\n"
        f"with locked(pathlib.Path({str(directory)!r}), 'it'):\n"
        "    print('holds', flush=True)\n    sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT / "scripts",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "holds\n"
    return process


def test_lock_is_acquired_when_its_holder_ends_during_the_wait(tmp_path: Path) -> None:
    holder = holder_of(tmp_path)
    timer = threading.Timer(0.2, holder.kill)
    timer.start()
    with locked(tmp_path, "it"):
        assert holder.wait(LIMIT) == -signal.SIGKILL
    timer.join()
    holder.communicate()


def test_lock_is_reentrant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csvswarm.job.lock.WAIT_HERE", 0.0)
    with locked(tmp_path, "it"):
        with locked(tmp_path / ".", "it"):
            pass
        code = (
            "import pathlib\nfrom csvswarm.job.lock import locked\n"
            f"locked(pathlib.Path({str(tmp_path)!r}), 'it').__enter__()"
        )
        other = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT / "scripts", check=False, capture_output=True, text=True
        )
        assert "is working on it" in other.stderr
    holder_of(tmp_path).communicate("")


def test_lock_excludes_other_threads(tmp_path: Path) -> None:
    with locked(tmp_path, "it"), ThreadPoolExecutor(1) as pool:

        def take() -> None:
            with locked(tmp_path, "it"):
                pass

        with pytest.raises(JobError, match="another thread of this process is working on it"):
            pool.submit(take).result()


def test_lock_file_removed_by_its_holder_is_recreated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, names = fcntl.lockf, []

    def removed_meanwhile(descriptor: int, *arguments: int) -> None:
        usual(descriptor, *arguments)
        names.append((tmp_path / LOCK).exists())
        if len(names) == 1:
            (tmp_path / LOCK).unlink()  # like its previous owner at exit

    monkeypatch.setattr("fcntl.lockf", removed_meanwhile)
    with locked(tmp_path, "it", removes=True):
        assert (tmp_path / LOCK).exists()
    assert not (tmp_path / LOCK).exists()


def test_lock_file_removed_by_another_nfs_client_is_recreated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, tries = fcntl.lockf, []

    def stale_once(descriptor: int, *arguments: int) -> None:
        tries.append(arguments)
        if len(tries) == 1:
            (tmp_path / LOCK).unlink()
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        usual(descriptor, *arguments)

    monkeypatch.setattr("fcntl.lockf", stale_once)
    with locked(tmp_path, "it"):
        assert (tmp_path / LOCK).exists()


@pytest.mark.parametrize("holder", ["", "nonsense", "[]", '{"host": 1}', '{"since": 1e999, "host": "h"}', "[" * 5000])
def test_unreadable_lock_holder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holder: str) -> None:
    monkeypatch.setattr("csvswarm.job.lock.WAIT_HERE", 0.0)
    process = holder_of(tmp_path)
    (tmp_path / LOCK).write_text(holder)
    with pytest.raises(JobError, match="another process is working on it: wait until it ends"), locked(tmp_path, "it"):
        pass
    process.communicate("")


def test_terminal_escape_in_a_lock_holder_is_not_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csvswarm.job.lock.WAIT_HERE", 0.0)
    process = holder_of(tmp_path)
    (tmp_path / LOCK).write_text('{"host": "\\u001b[2Jboard\\n", "pid": 7, "since": 0, "step": "x.py"}')
    with pytest.raises(JobError) as raised, locked(tmp_path, "it"):
        pass
    assert str(raised.value).startswith("x.py is working on it on ?[2Jboard? (pid 7, since 1970-01-01 00:00:00 UTC)")
    process.communicate("")


def test_lock_of_another_machine_is_awaited_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csvswarm.job.lock.WAIT_HERE", 0.0)
    monkeypatch.setattr("csvswarm.job.lock.WAIT_ELSEWHERE", float(LIMIT))
    process = holder_of(tmp_path)
    (tmp_path / LOCK).write_text('{"host": "board2", "pid": 7, "since": 0, "step": "x.py", "boot": "another"}')
    timer = threading.Timer(0.2, process.kill)  # as the server does when the lease of a board expires
    timer.start()
    with locked(tmp_path, "it"):
        pass
    timer.join()
    process.communicate()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    job, output = Job(tmp_path / "job"), tmp_path / "out"
    split(job, Request(input=SAMPLE, processor="transform", chunks=2, workers=1))
    process_all(job, 1)
    usual = fcntl.lockf

    def refused(directory: Path) -> None:
        def lockf(descriptor: int, *arguments: int) -> None:
            if Path(f"/proc/self/fd/{descriptor}").readlink().parent == directory:
                raise OSError(code, os.strerror(code))
            usual(descriptor, *arguments)

        monkeypatch.setattr("fcntl.lockf", lockf)

    refused(job.directory)
    with pytest.raises(JobError, match=f"the file system of {job.directory} does not support locks"):
        process_all(job, 1)

    refused(output)  # there the report identifies the owner
    collect(job, output)
    assert (output / "result.csv").read_bytes() == SAMPLE.read_bytes()
    assert not list(output.glob(".*"))


def test_collection_that_lost_its_lock_revokes_no_receipts_of_a_finished_job(tmp_path: Path) -> None:
    job, output = Job(tmp_path / "job"), tmp_path / "out"
    manifest = split(job, Request(input=SAMPLE, processor="statistics", chunks=2, workers=1))
    process_all(job, 1)
    state = reconcile(job, manifest)
    collect(job, output)
    receipts = list(job.receipts())

    with pytest.raises(JobError, match="job job was collected by another run in the meantime"):
        write_result(HashingWriter(io.BytesIO()), job, manifest, state.schema, list(state.done.values()))

    assert list(job.receipts()) == receipts
    assert collect(job, output).rows_in == manifest.rows

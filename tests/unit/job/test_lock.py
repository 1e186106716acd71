"""The lock on a job or an output directory: it ends with its owner, whom error messages name."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from csvswarm.collect.run import collect
from csvswarm.errors import JobError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.lock import LOCK, locked
from csvswarm.process.run import process_all
from csvswarm.split.run import Request, split

from tests.support.jobs import ROOT, SAMPLE
from tests.support.processes import LIMIT


def holder_of(directory: Path) -> subprocess.Popen[str]:
    """Start a process that holds a lock until its standard input ends."""
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
            (tmp_path / LOCK).unlink()  # as the previous holder does when it ends

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
    timer = threading.Timer(0.2, process.kill)  # as the server does when the lease of a board has expired
    timer.start()
    with locked(tmp_path, "it"):
        pass
    timer.join()
    process.communicate()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    job, output = JobDirectory(tmp_path / "job"), tmp_path / "out"
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

    refused(output)  # there the report names the owner
    collect(job, output)
    assert (output / "result.csv").read_bytes() == SAMPLE.read_bytes()
    assert not list(output.glob(".*"))

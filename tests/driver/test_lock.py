"""Two drivers of one job."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from csvswarm.driver import lock as lock_module
from csvswarm.driver.lock import driver_lock
from csvswarm.job.directory import JobDirectory
from csvswarm.job.lock import LOCK
from csvswarm.job.untrusted_files import Damaged

from tests.support.jobs import ROOT

HOLD = """
import pathlib, sys
from csvswarm.driver.lock import driver_lock
with driver_lock(pathlib.Path(sys.argv[1]), lambda: print("waits", flush=True)):
    print("has it", flush=True)
    sys.stdin.read()
"""


def start(directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, directory],
        env={"PYTHONPATH": str(ROOT / "scripts")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def reads(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_second_driver_waits_until_the_first_is_killed(tmp_path: Path) -> None:
    with start(tmp_path) as first:
        assert reads(first) == "has it"
        with start(tmp_path) as second:
            assert reads(second) == "waits"
            first.kill()
            assert reads(second) == "has it"
            second.kill()


def test_scripts_of_a_driver_can_lock_its_job(tmp_path: Path) -> None:
    """They run at the same time, because the driver locks another byte of the same file."""
    with start(tmp_path) as driver:
        assert reads(driver) == "has it"
        with JobDirectory(tmp_path).locked():
            pass
        driver.kill()


def test_unexpected_file_in_place_of_the_lock_is_reported(tmp_path: Path) -> None:
    (tmp_path / LOCK).mkdir()

    with pytest.raises((Damaged, IsADirectoryError)), driver_lock(tmp_path, lambda: None):
        pass


def test_removed_lock_file_does_not_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "_RETRY_DELAY", 0.01)
    with start(tmp_path) as first:
        assert reads(first) == "has it"
        (tmp_path / LOCK).unlink()
        with driver_lock(tmp_path, lambda: None):
            assert (tmp_path / LOCK).is_file()
        first.kill()

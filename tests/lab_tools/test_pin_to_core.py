"""The tool that pins a virtual board's processes to one core of the host, in its own process namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "molecule/shared/board_image/pin_to_core.c"

# Its /proc contains only this script, its children and the program.
BOARD = """
import os, subprocess, sys, time

def sleeper():
    return subprocess.Popen(["sleep", "60"]).pid

def all_on_one_core(processes):
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        cores = [os.sched_getaffinity(process) for process in processes]
        if len(cores[0]) == 1 and all(each == cores[0] for each in cores):
            return True
        time.sleep(0.02)
    return False

everywhere = os.sched_getaffinity(0)
processes = [os.getpid(), sleeper(), sleeper()]
program = subprocess.Popen([sys.argv[1]])
assert all_on_one_core(processes), "existing processes are not pinned"
stray = sleeper()
os.sched_setaffinity(stray, everywhere)
assert all_on_one_core([*processes, stray]), "a process on other cores is not pinned"
assert program.poll() is None, "the program has ended"
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    built = tmp_path / "one-core"
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", built, SOURCE], check=True)
    return built


@pytest.mark.skipif(os.geteuid() != 0, reason="a process namespace needs root")
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core only")
def test_all_processes_of_a_board_are_on_one_core(program: Path) -> None:
    run = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, "-c", BOARD, program],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert run.returncode == 0, run.stderr

"""Scripts as processes that a test starts, waits for and ends."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from tests.support.jobs import ROOT

LIMIT = 60


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

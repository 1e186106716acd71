"""The line that tells how far a round is, on a terminal and in a log."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.processing_job.fake_clock import Clock
from tests.processing_job.plugin_loader import ROLE, recorded, watch


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    said: list[tuple[str, dict[str, Any]]] = []

    class Display:
        def display(self, text: str, **how: Any) -> None:
            said.append((text, how))

    monkeypatch.setattr(watch, "display", Display())
    return said


def test_a_line(clock: Clock) -> None:
    progress = watch.Progress(24)
    assert progress.line(3, 21) == "chunks 0/24 done, 3 running, 21 waiting"

    clock.now += 90
    progress.done, progress.rows, progress.failed = 6, 900_000, 1
    assert progress.line(3, 15) == (
        "chunks 6/24 done, 3 running, 15 waiting, 1 failed attempt, 10,000 rows/s, about 4:30 left"
    )
    progress.failed = 2
    assert "2 failed attempts" in progress.line(3, 15)

    progress.done = 24
    assert progress.line(0, 0, "a remark") == (
        "chunks 24/24 done, 0 running, 2 failed attempts, 10,000 rows/s (a remark)"
    )


@example(passed=59.7, done=50)
@given(passed=st.floats(0, 1e6), done=st.integers(1, 99))
def test_seconds_are_fewer_than_sixty(passed: float, done: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(watch.time, "monotonic", clock)
        progress = watch.Progress(100)
        progress.done = done
        clock.now += passed

        left = re.search(r"about (\d+):(\d\d) left", progress.line(1, 0))

    assert left
    assert int(left[2]) < 60
    assert abs(int(left[1]) * 60 + int(left[2]) - passed / done * (100 - done)) <= 0.6


def test_a_log_has_a_line_now_and_then(
    clock: Clock, shown: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "on_terminal", lambda: False)
    progress = watch.Progress(24)

    for second in range(25):
        clock.now = 1000 + second
        progress.show(f"line {second}")
    progress.show("the last", last=True)

    assert shown == [("line 10", {}), ("line 20", {}), ("the last", {})]


@pytest.mark.usefixtures("clock")
def test_a_terminal_has_one_line(
    shown: list[tuple[str, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "on_terminal", lambda: True)
    progress = watch.Progress(24)

    progress.show("a long line")
    progress.show("short")
    progress.show("the last", last=True)

    # Back to the start of the line, and away with what stands there; a new line only after the last.
    assert [text for text, _ in shown] == ["\r\x1b[Ka long line", "\r\x1b[Kshort", "\r\x1b[Kthe last"]
    assert [how["newline"] for _, how in shown] == [False, False, True]
    assert all(how["screen_only"] for _, how in shown)


ASK = f"""
import subprocess, sys
sys.path.insert(0, {str(ROLE / "action_plugins")!r})
asked = "import sys; sys.path[:0] = [{str(ROLE / "action_plugins")!r}]; import processing_job_wait_for_round as watch;"
asked += "print(watch.on_terminal())"
said = subprocess.run([sys.executable, "-c", asked], stdout=subprocess.PIPE, text=True).stdout
open(sys.argv[1], "w").write(said)
"""


@pytest.mark.parametrize("terminal", [True, False])
def test_whether_the_run_is_watched_is_known_from_its_parent(tmp_path: Path, terminal: bool) -> None:
    """Ansible runs a task in a process of its own, whose standard output is not the run's."""
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-c", ASK, tmp_path / "said"],
            check=True,
            stdout=theirs if terminal else subprocess.DEVNULL,
        )
    finally:
        os.close(ours)
        os.close(theirs)

    assert (tmp_path / "said").read_text() == f"{terminal}\n"


def test_a_service_that_was_removed_is_no_manager_that_is_away() -> None:
    said = recorded("removed")["answer"]["message"].replace("rec24-1", "csvswarm-job-1_chunks")

    assert watch.REMOVED in said

"""The progress line of both engines, drawn from a status; and the status that the scripts write."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from csvswarm.runtime import progress as counters
from hypothesis import given
from hypothesis import strategies as st

from tests.processing_job.fake_clock import Clock
from tests.processing_job.plugin_loader import RECORDED, ROLE, load
from tests.support.jobs import SAMPLE, ScriptResult, Scripts

drawing = load(ROLE / "plugin_utils/processing_job_progress.py")


def status(**more: Any) -> dict[str, Any]:
    chunks = {"total": 24, "done": 6, "running": 3, "waiting": 15, "failed_attempts": 0}
    return {"stage": "processing", "chunks": chunks, "bytes": {"total": 0, "done": 0}} | more


@pytest.mark.parametrize(
    ("given_status", "line"),
    [
        ({}, "starting"),
        (
            status(bytes={"total": 400_000_000, "done": 90_000_000}, rows_per_second=10_000, seconds_left=270.4),
            "chunks 6/24 done, 3 running, 15 waiting, 22 % of 400 MB, 10,000 rows/s, about 4:30 left",
        ),
        (
            status(chunks={"total": 2, "done": 0, "running": 2, "waiting": 0, "failed_attempts": 2}),
            "chunks 0/2 done, 2 running, 2 failed attempts",
        ),
        (
            status(stage="splitting", bytes={"total": 2_000_000_000, "done": 5e8}, seconds_left=3725),
            "splitting the input, 25 % of 2,000 MB, about 1:02:05 left",
        ),
        (status(stage="collecting", seconds_left=None), "collecting the partial results"),
        (status(stage="failed", seconds_left=3), "chunks 6/24 done, 3 running, 15 waiting"),
    ],
)
def test_line(given_status: dict[str, Any], line: str) -> None:
    assert drawing.status_line(given_status) == line


@given(left=st.floats(0, 1e6))
def test_minutes_and_seconds_are_fewer_than_sixty(left: float) -> None:
    found = re.search(r"about (?:(\d+):)?(\d+):(\d\d) left", drawing.status_line(status(seconds_left=left)))

    assert found
    hours, minutes, seconds = (int(number or 0) for number in found.groups())
    assert minutes < 60
    assert seconds < 60
    assert abs(hours * 3600 + minutes * 60 + seconds - left) <= 0.5


class Display:
    """Ansible's display: keeps the output, line by line, or as shown on a terminal."""

    def __init__(self, printed: list[str]) -> None:
        self._printed = printed

    def display(self, text: str, *, screen_only: bool = False, newline: bool = True) -> None:
        is_live = screen_only or text.startswith("\r")
        self._printed.append(text + "\n" * (newline and is_live))


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is printed. The output is a log, unless a test changes that."""
    monkeypatch.setattr(drawing, "on_terminal", lambda: False)
    return []


def test_a_log_has_a_line_now_and_then(clock: Clock, printed: list[str]) -> None:
    shown = drawing.Progress(Display(printed), first=1.5)
    for second in range(26):
        clock.now = 1000 + second
        shown.show(f"line {second}")
    shown.clear()

    assert printed == ["line 2", "line 12", "line 22"]


def test_last_line_of_a_log_is_printed_once(clock: Clock, printed: list[str]) -> None:
    shown = drawing.Progress(Display(printed))
    for second in range(21):
        clock.now = 1000 + second
        shown.show(f"line {second}")
    shown.show("the end", last=True)
    shown.show("the end", last=True)

    assert printed == ["line 0", "line 10", "line 20", "the end"]


def test_a_terminal_has_one_line(monkeypatch: pytest.MonkeyPatch, printed: list[str]) -> None:
    monkeypatch.setattr(drawing, "on_terminal", lambda: True)
    shown = drawing.Progress(Display(printed))

    shown.show("a long line")
    shown.show("short")
    shown.add_notes(["board2 failed"])
    shown.show("the last", last=True)
    shown.clear()

    # Overwrites the line from its start; a line break only after the last one, and after a note.
    assert "".join(printed) == ("\r\x1b[Ka long line\r\x1b[Kshort\r\x1b[Kboard2 failed\n\r\x1b[Kthe last\n\r\x1b[K")


def test_every_note_is_printed_once(printed: list[str]) -> None:
    shown = drawing.Progress(Display(printed), notes=["known"])
    shown.add_notes(["known", "new"])
    shown.add_notes(["new", "newer"])
    shown.add_notes(["newer"])

    assert printed == ["new", "newer"]


def test_a_terminal_is_recognised(tmp_path: Path) -> None:
    """Checked in a child whose output is a pipe, as in Ansible's tasks."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import subprocess\n"
        "child = 'import sys; sys.path.insert(0, sys.argv[1]); import processing_job_progress; "
        "print(processing_job_progress.on_terminal())'\n"
        "found = subprocess.run([sys.executable, '-c', child, sys.argv[1]], capture_output=True, text=True)\n"
        "open(sys.argv[2], 'w').write(found.stdout + found.stderr)\n"
    )
    for name in ("terminal", "file"):
        command = [sys.executable, "-c", script, str(ROLE / "plugin_utils"), str(tmp_path / f"{name}.answer")]
        if name == "terminal":
            parent, child = pty.openpty()
            subprocess.run(command, stdout=child, check=True, timeout=120)
            os.close(parent)
            os.close(child)
        else:
            with (tmp_path / name).open("w") as file:
                subprocess.run(command, stdout=file, check=True, timeout=120)

    answers = [(tmp_path / f"{name}.answer").read_text().strip() for name in ("terminal", "file")]
    assert answers == ["True", "False"]


def test_counters_become_a_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "status.json"
    monkeypatch.setenv(counters.VARIABLE, str(path))
    monkeypatch.setattr(counters, "EVERY", 0)

    counters.begin("processing", [100, 200, 300], [0], of_chunks=True)
    counters.restart(1)
    counters.advance(1, 50, 5)
    counters.end(1, failed=True)
    counters.restart(1)
    counters.advance(1, 150, 15)
    counters.restart(2)
    counters.end(2)
    found = json.loads(path.read_text())
    counters.stop()
    counters.advance(1, 50, 5)

    assert found["chunks"] == {"total": 3, "done": 2, "running": 1, "waiting": 0, "failed_attempts": 1}
    assert found["bytes"] == {"total": 600, "done": 550}
    assert found["rows_done"] == 15
    assert json.loads(path.read_text()) == found
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_time_left_is_near_the_truth_once_a_fifth_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = json.loads((RECORDED / "local-run.json").read_text())
    now = 0.0
    monkeypatch.setattr("csvswarm.runtime.progress.time.monotonic_ns", lambda: round(now * 1e9))
    monkeypatch.setattr(counters, "EVERY", 0)
    monkeypatch.setenv(counters.VARIABLE, str(tmp_path / "status.json"))
    counters.begin("processing", [run["total"]])
    before, checked = 0, 0

    for now, done in run["done"]:
        counters.advance(0, done - before)
        before = done
        left, truth = json.loads((tmp_path / "status.json").read_text())["seconds_left"], run["ended"] - now
        if done >= run["total"] / 5 and truth >= 1:
            assert left == pytest.approx(truth, rel=0.25, abs=0.5), now  # the line shows whole seconds
            checked += 1
    counters.stop()

    assert checked > 5


@pytest.mark.parametrize("options", [(), ("--mode", "files"), ("--processor", "transform")])
def test_scripts_write_their_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]) -> None:
    """The last status of each script, which is written at its end."""
    path = tmp_path / "status.json"
    monkeypatch.setenv(counters.VARIABLE, str(path))
    scripts = Scripts(tmp_path)
    found = []

    steps: list[Callable[[], ScriptResult]] = [
        lambda: scripts.split(SAMPLE, "--chunks", "4", *options),
        scripts.process,
        scripts.collect,
    ]
    for step in steps:
        assert step().code == 0
        found.append(json.loads(path.read_text()))

    assert [status["stage"] for status in found] == ["splitting", "processing", "collecting"]
    assert found[1]["chunks"] == {"total": 4, "done": 4, "running": 0, "waiting": 0, "failed_attempts": 0}
    assert found[1]["rows_done"] == 27_004
    assert all(status["bytes"]["done"] == status["bytes"]["total"] > 0 for status in found[:2])

"""The progress line of a watched job on boards, on a terminal and in a log; and when a manager is queried."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.processing_job.fake_clock import Clock
from tests.processing_job.plugin_loader import ROLE, watch

CHUNKS = {"total": 24, "done": 6, "running": 3, "waiting": 15, "failed_attempts": 1}
STATUS: dict[str, Any] = {
    "stage": "processing", "started": 1.0, "updated": 1.0, "chunks": CHUNKS, "rows_per_second": 10_000.4,
    "seconds_left": 270.2, "notes": [],
}  # fmt: skip


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []

    class Display:
        def display(self, text: str, **_: Any) -> None:
            lines.append(text)

    monkeypatch.setattr(watch, "display", Display())
    monkeypatch.setattr(watch, "on_terminal", lambda: False)
    return lines


def test_progress_line() -> None:
    assert watch.line(STATUS) == (
        "chunks 6/24 done, 3 running, 15 waiting, 1 failed attempt, 10,000 rows/s, about 4:30 left"
    )
    begun = STATUS | {"chunks": CHUNKS | {"done": 0, "waiting": 0, "failed_attempts": 2}}
    assert watch.line(begun | {"rows_per_second": 0.0, "seconds_left": None}, "a remark") == (
        "chunks 0/24 done, 3 running, 2 failed attempts (a remark)"
    )


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({}, "starting"),
        ({"stage": "splitting"}, "splitting the input"),
        ({"stage": "collecting"}, "collecting the partial results"),
    ],
)
def test_progress_line_of_another_stage(status: dict[str, Any], shown: str) -> None:
    assert watch.line(STATUS | status if status else {}) == shown


@given(seconds=st.floats(0, 1e6))
def test_seconds_are_fewer_than_sixty(seconds: float) -> None:
    left = watch.line(STATUS | {"seconds_left": seconds}).rpartition("about ")[2]

    minutes, _, rest = left.removesuffix(" left").partition(":")
    assert int(rest) < 60
    assert int(minutes) * 60 + int(rest) == round(seconds)


def test_log_gets_a_line_every_ten_seconds(clock: Clock, shown: list[str]) -> None:
    progress = watch.Progress([])
    for second in range(21):
        progress.show(f"line {second}")
        clock.now += 1
    progress.show("the end", last=True)
    progress.show("the end", last=True)

    assert shown == ["line 0", "line 10", "line 20", "the end"]


def test_terminal_shows_one_updated_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[tuple[str, dict[str, Any]]] = []

    class Display:
        def display(self, text: str, **how: Any) -> None:
            lines.append((text, how))

    monkeypatch.setattr(watch, "display", Display())
    monkeypatch.setattr(watch, "on_terminal", lambda: True)
    progress = watch.Progress([])

    progress.show("a long line")
    progress.show("short")
    progress.show("the last", last=True)

    # Each update overwrites the line; a newline comes only after the last.
    assert [text for text, _ in lines] == ["\r\x1b[Ka long line", "\r\x1b[Kshort", "\r\x1b[Kthe last"]
    assert [how["newline"] for _, how in lines] == [False, False, True]


def test_every_note_is_printed_once(shown: list[str]) -> None:
    progress = watch.Progress(["known"])
    progress.add_notes(["known", "new"])
    progress.add_notes(["new", "newer"])
    progress.add_notes(["newer"])

    assert shown == ["new", "newer"]


def test_silent_driver_is_queried_after_a_while(clock: Clock) -> None:
    seen = watch.Watch()
    assert not seen.is_silent()
    clock.now += watch.SILENT_FOR
    assert seen.is_silent()

    # The next watch waits for it, too, and the silence continues.
    after = watch.Watch(seen.heard)
    assert not after.is_silent()
    clock.now += 1
    assert after.silent() == watch.SILENT_FOR + 1

    after.add(STATUS)
    assert (after.silent(), after.away()) == (0, 0)
    clock.now += watch.SILENT_FOR
    after.add(STATUS)  # the same: no news, but the server answers
    assert (after.silent(), after.away()) == (watch.SILENT_FOR, 0)
    after.add(STATUS | {"updated": 2.0})
    assert not after.is_silent()


def test_a_terminal_is_recognised(tmp_path: Path) -> None:
    """Checked in a child whose output is a pipe, as in Ansible's tasks."""
    ask = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import subprocess\n"
        "child = 'import sys; sys.path.insert(0, sys.argv[1]); import processing_job_watch; "
        "print(processing_job_watch.on_terminal())'\n"
        "found = subprocess.run([sys.executable, '-c', child, sys.argv[1]], capture_output=True, text=True)\n"
        "open(sys.argv[2], 'w').write(found.stdout + found.stderr)\n"
    )
    for name in ("terminal", "file"):
        command = [sys.executable, "-c", ask, str(ROLE / "action_plugins"), str(tmp_path / f"{name}.answer")]
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


def test_result_folder_is_private(tmp_path: Path) -> None:
    watch.make_closed(tmp_path / "a/b")

    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o700

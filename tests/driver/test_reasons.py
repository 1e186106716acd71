"""Why an attempt failed, as text."""

from __future__ import annotations

import errno
import re
from dataclasses import replace

import pytest
from csvswarm.driver.reasons import exit_reason, running_boards

from tests.driver.recorded import tasks_of

KILLED = "it was killed, most likely because it ran out of memory (raise its limit with -e memory=800MB)"


@pytest.mark.parametrize(
    ("name", "chunk", "reason"),
    [
        ("gave-up", 11, "it succeeded but left no receipt"),
        ("gave-up", 12, "task: non-zero exit (1)"),
        ("gave-up", 13, KILLED),
        ("gave-up", 14, "it exceeded chunk_limit"),
        ("gave-up", 15, KILLED),
        ("no-image", 11, "No such image: csvswarm-job:000000000000"),
        ("drained", 11, "shutdown"),
    ],
)
def test_reasons_of_recorded_ends(name: str, chunk: int, reason: str) -> None:
    ended = [task for task in tasks_of(name) if task.chunk == chunk and task.ended]

    assert {exit_reason(task) for task in ended} == {reason}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENOSPC, "no space is left on the share"),
        (errno.EDQUOT, "no space is left on the share"),
        (errno.EROFS, r"board\d cannot write to the share: it is read-only"),
        (errno.EACCES, r"board\d cannot write to the share: permission denied"),
        (errno.EIO, r"Input/output error \(on board\d\)"),
        (127, r"task: non-zero exit \(1\)"),
    ],
)
def test_exit_code_maps_to_errno_text(code: int, reason: str) -> None:
    ended = next(task for task in tasks_of("gave-up") if task.chunk == 12 and task.ended)

    assert re.match(reason, exit_reason(replace(ended, exit=code)))


def test_board_without_the_share_is_reported() -> None:
    for task in tasks_of("unmounted"):
        assert exit_reason(task) == f"the share is not mounted on {task.board}"


def test_state_is_the_reason_without_a_message() -> None:
    assert exit_reason(replace(tasks_of("done")[0], exit=None, message="", state="orphaned")) == "orphaned"


def test_boards_running_chunks_are_listed() -> None:
    running = next(task for task in tasks_of("gave-up") if task.state == "running")

    assert running_boards(tasks_of("gave-up"), [running.chunk]) == [running.board]
    assert running_boards(tasks_of("gave-up"), [12]) == []

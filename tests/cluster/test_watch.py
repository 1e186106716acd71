"""When a round is over, when it cannot end well, and what the user is told of it."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.cluster.plugins import ROLE, look, recorded, tasks, watch


@dataclass
class Clock:
    """The machine's clock, moved by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watch.time, "monotonic", clock)
    return clock


def answer(name: str, chunks: int, *receipts: tuple[int, str]) -> dict[str, Any]:
    """What the module answers for a recording, whose chunks are those from 11 on; receipts: those that are new."""
    told = tasks(name)
    left = set(range(11, 11 + chunks)) - {chunk for chunk, _ in receipts}
    return {
        "receipts": [
            {"chunk": chunk, "status": status, "board": "board1", "rows_in": 100, "rejected": 0}
            for chunk, status in receipts
        ],
        "total": chunks,
        "tasks": told,
        "slots": look.slots(told, left),
        "logs": [],
    }


def later(answer: dict[str, Any]) -> dict[str, Any]:
    """The same answer, when its receipts are known."""
    return answer | {"receipts": []}


DONE = [(chunk, "done") for chunk in range(11, 35)]

# -- the verdict -------------------------------------------------------------------------------------------------------


def test_a_round_is_over_when_every_chunk_has_a_receipt(clock: Clock) -> None:
    one = watch.Watch(0)

    assert one.verdict(answer("waiting", 24, *DONE[:6])) is None
    clock.now += 5
    assert one.verdict(answer("waiting", 24, *DONE[6:23])) is None
    assert one.verdict(answer("done", 24, DONE[23])) == ""
    assert sorted(one.known) == list(range(11, 35))
    assert set(one.statuses.values()) == {"done"}


@pytest.mark.parametrize("status", ["misfit", "suspect"])
def test_a_round_is_over_whatever_its_receipts_say(clock: Clock, status: str) -> None:  # noqa: ARG001
    receipts = [(chunk, status) for chunk, _ in DONE]

    assert watch.Watch(0).verdict(answer("done", 24, *receipts)) == ""


def test_the_first_error_ends_a_round(clock: Clock) -> None:  # noqa: ARG001
    one = watch.Watch(0)

    assert one.verdict(answer("waiting", 24, DONE[0])) is None
    assert one.verdict(answer("waiting", 24, (14, "error"))) == ""
    assert one.statuses == {11: "done", 14: "error"}


def test_a_slot_that_stopped_may_have_a_receipt_on_its_way(clock: Clock) -> None:
    one = watch.Watch(0)

    assert one.verdict(answer("done", 24, *DONE[:23])) is None
    clock.now += watch.STOPPED_FOR - 0.1
    assert one.verdict(answer("done", 24)) is None
    assert one.verdict(answer("done", 24, DONE[23])) == ""


def test_a_slot_that_stays_stopped_was_given_up(clock: Clock) -> None:
    one = watch.Watch(0)
    gave_up = answer("gave-up", 6, (11, "done"))

    assert one.verdict(gave_up) is None
    clock.now += watch.STOPPED_FOR
    verdict = one.verdict(gave_up | {"receipts": []})
    assert re.fullmatch(
        r"chunk 12 failed 3 times \(on board\d(, board\d)*\), last because task: non-zero exit \(1\)\.", verdict
    )


def test_the_log_of_the_attempts_is_named(clock: Clock) -> None:
    one = watch.Watch(0)
    logs = [
        {"chunk": chunk, "path": f"/share/jobs/demo/logs/0001-0000{chunk - 10:02}-x.log", "last": f"of {chunk}"}
        for chunk in (13, 12)
    ]
    gave_up = answer("gave-up", 6, (11, "done")) | {"logs": logs}

    one.verdict(gave_up)
    clock.now += watch.STOPPED_FOR
    assert one.verdict(later(gave_up)).endswith(
        "(1). Its log on the share, /share/jobs/demo/logs/0001-000002-x.log, ends with: of 12"
    )


def test_a_slot_that_starts_again_was_not_given_up(clock: Clock) -> None:
    one = watch.Watch(0)
    stopped = answer("gave-up", 6, (11, "done"))
    again = answer("failing", 6) | {"slots": {"running": [12, 13, 14, 15, 16], "waiting": [], "stopped": []}}

    assert one.verdict(stopped) is None
    clock.now += watch.STOPPED_FOR - 1
    assert one.verdict(again) is None
    clock.now += 1
    assert one.verdict(later(stopped)) is None
    clock.now += watch.STOPPED_FOR - 1
    assert one.verdict(later(stopped)) is None
    clock.now += 1
    assert "chunk 12 failed 3 times" in one.verdict(later(stopped))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unmounted", r"chunk 11 failed 3 times \(on [^()]+\), last because the share is not mounted on board\d\."),
        ("no-image", r"chunk 11 failed 3 times \(on [^()]+\), last because No such image: csvswarm-job:000000000000\."),
    ],
)
def test_what_boards_refuse_is_said(clock: Clock, name: str, message: str) -> None:
    one = watch.Watch(0)

    one.verdict(answer(name, 2))
    clock.now += watch.STOPPED_FOR
    assert re.fullmatch(message, one.verdict(answer(name, 2)))


def test_a_chunk_that_ended_well_without_a_receipt(clock: Clock) -> None:
    one = watch.Watch(0)

    one.verdict(answer("done", 24, *DONE[1:]))
    clock.now += watch.STOPPED_FOR
    verdict = one.verdict(answer("done", 24))
    assert re.fullmatch(
        r"chunk 11 failed 1 time \(on board\d\), last because it ended well but left no receipt\.", verdict
    )


def test_a_round_that_no_board_takes_is_stuck(clock: Clock) -> None:
    one = watch.Watch(0)
    large = answer("too-large", 2)
    for task in large["tasks"]:
        task["message"] = "no suitable node (3 nodes not available for new tasks)"

    assert one.verdict(large) is None
    clock.now += watch.STUCK_FOR - 1
    assert one.verdict(large) is None
    clock.now += 1
    assert one.verdict(large) == (
        "no board takes a chunk any more: Swarm says no suitable node (3 nodes not available for new tasks)."
    )


def test_a_round_that_goes_on_is_not_stuck(clock: Clock) -> None:
    one = watch.Watch(0)
    large = answer("too-large", 2)
    running = answer("waiting", 24, *DONE[:0])
    running["slots"]["stopped"] = []

    assert one.verdict(large) is None
    clock.now += watch.STUCK_FOR - 1
    assert one.verdict(running) is None
    clock.now += 1
    # A board was back in between: the time counts from here.
    assert one.verdict(large) is None
    clock.now += watch.STUCK_FOR - 1
    assert one.verdict(large) is None


def test_a_round_that_waits_for_another_job_is_not_stuck(clock: Clock) -> None:
    one = watch.Watch(0)
    full = answer("too-large", 2)

    for _ in range(10):
        assert one.verdict(full) is None
        clock.now += watch.STUCK_FOR
    # The line says what it waits for.
    assert watch.waits_for(full) == "no suitable node (insufficient resources on 3 nodes)"


def test_nothing_is_said_of_waiting_while_chunks_run() -> None:
    assert watch.waits_for(answer("gave-up", 6)) == ""
    assert watch.waits_for(answer("done", 24, *DONE)) == ""


def test_tasks_that_wait_for_an_address_are_not_stuck(clock: Clock) -> None:
    one = watch.Watch(0)
    new = answer("too-large", 2)
    for task in new["tasks"]:
        task |= {"state": "new", "message": "created"}

    one.verdict(new)
    clock.now += 10 * watch.STUCK_FOR
    assert one.verdict(new) is None


def test_the_deadline(clock: Clock) -> None:
    one, endless = watch.Watch(600), watch.Watch(0)
    waiting = answer("waiting", 24, *DONE[:0])
    waiting["slots"]["stopped"] = []

    clock.now += 599
    assert one.verdict(waiting) is None
    clock.now += 1
    assert one.verdict(waiting) == "the deadline of 600 s has passed."
    clock.now += 1e6
    assert endless.verdict(waiting) is None


def test_a_round_that_ends_at_its_deadline_has_ended(clock: Clock) -> None:
    one = watch.Watch(600)

    clock.now += 601
    assert one.verdict(answer("done", 24, *DONE)) == ""


# -- slow chunks -------------------------------------------------------------------------------------------------------


def going(running: list[int], *receipts: int, waiting: tuple[int, ...] = (), total: int = 8) -> dict[str, Any]:
    """What the module answers of a round whose chunks run, have just got receipts, or wait."""
    told = [{"chunk": chunk, "status": "done", "board": "board1", "rows_in": 1, "rejected": 0} for chunk in receipts]
    slots = {"running": running, "waiting": [*waiting], "stopped": []}
    return {"receipts": told, "total": total, "tasks": [], "slots": slots}


def nearly_done(clock: Clock) -> Any:
    """Six of eight chunks took 20 s each, one after the other on two boards; chunks 7 and 8 have just begun."""
    seen = watch.Seen()
    for chunk in 1, 3, 5:
        seen.add(going([chunk, chunk + 1]))
        clock.now += 20
        seen.add(going([chunk + 2, chunk + 3], chunk, chunk + 1))
    return seen


def test_a_chunk_is_slow_after_half_as_long_again_as_the_middle_one(clock: Clock) -> None:
    seen = nearly_done(clock)
    assert seen.took == [20.0] * 6

    clock.now += 30
    assert seen.slow(going([7, 8])) == []
    clock.now += 0.1
    assert seen.slow(going([7, 8])) == [7, 8]
    # Once is enough.
    clock.now += 1000
    assert seen.slow(going([7, 8])) == []


def test_nothing_is_slow_while_others_wait_for_a_board(clock: Clock) -> None:
    seen = nearly_done(clock)
    clock.now += 1000

    assert seen.slow(going([7, 8], waiting=(9,), total=8)) == []
    assert seen.slow(going([7, 8])) == [7, 8]


def test_nothing_is_slow_before_three_quarters_are_done(clock: Clock) -> None:
    seen = nearly_done(clock)
    clock.now += 1000

    assert seen.slow(going([7, 8, 9], total=9)) == []
    assert seen.slow(going([7, 8], total=8)) == [7, 8]


def test_a_second_attempt_is_not_worth_its_start_for_chunks_of_moments(clock: Clock) -> None:
    seen = watch.Seen()
    seen.add(going([1, 2, 3, 4], total=4))
    clock.now += 1
    seen.add(going([4], 1, 2, 3, total=4))

    clock.now += watch.SLOW_LEAST - 1
    assert seen.slow(going([4], total=4)) == []
    clock.now += 0.1
    assert seen.slow(going([4], total=4)) == [4]


def test_a_chunk_whose_attempt_began_again_begins_again(clock: Clock) -> None:
    seen = nearly_done(clock)
    clock.now += 25
    seen.add(going([8], waiting=(7,)))
    seen.add(going([7, 8]))

    clock.now += 6
    assert seen.slow(going([7, 8])) == [8]


def test_what_is_known_survives_the_way_through_a_playbook(clock: Clock) -> None:
    seen = nearly_done(clock)
    clock.now += 40
    seen.slow(going([7, 8]))

    again = watch.Seen.from_json(json.loads(json.dumps(asdict(seen))))

    assert again == seen
    assert again.statuses == dict.fromkeys(range(1, 7), "done")
    assert watch.Watch(100, again).verdict(going([7, 8])) == "the deadline of 100 s has passed."


def test_boards_of_slow_chunks() -> None:
    running = next(task for task in tasks("gave-up") if task["state"] == "running")

    assert watch.boards_of(tasks("gave-up"), [running["chunk"]]) == [running["board"]]
    assert watch.boards_of(tasks("gave-up"), [12]) == []


# -- why a task ended --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "chunk", "words"),
    [
        ("gave-up", 11, "it ended well but left no receipt"),
        ("gave-up", 12, "task: non-zero exit (1)"),
        ("gave-up", 13, "it was killed, most likely for want of memory (give it more with -e memory=800MB)"),
        ("gave-up", 14, "it took longer than chunk_limit allows"),
        ("gave-up", 15, "it was killed, most likely for want of memory (give it more with -e memory=800MB)"),
        ("no-image", 11, "No such image: csvswarm-job:000000000000"),
        ("drained", 11, "shutdown"),
    ],
)
def test_reasons(name: str, chunk: int, words: str) -> None:
    ended = [task for task in tasks(name) if task["chunk"] == chunk and task["ended"]]

    assert {watch.reason(task) for task in ended} == {words}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "no space is left on the share"),
        (errno.EDQUOT, "no space is left on the share"),
        (errno.EROFS, r"the share may not be written to from board\d: it is read-only"),
        (errno.EIO, r"Input/output error \(on board\d\)"),
        (127, r"task: non-zero exit \(1\)"),
    ],
)
def test_the_systems_errors_have_words(code: int, words: str) -> None:
    ended = next(task for task in tasks("gave-up") if task["chunk"] == 12 and task["ended"])

    assert re.match(words, watch.reason(ended | {"exit": code}))


def test_the_board_without_the_share_is_named() -> None:
    for task in tasks("unmounted"):
        assert watch.reason(task) == f"the share is not mounted on {task['board']}"


def test_a_reason_without_words() -> None:
    assert watch.reason(tasks("done")[0] | {"exit": None, "message": "", "state": "orphaned"}) == "orphaned"


# -- the line ----------------------------------------------------------------------------------------------------------


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


def test_a_terminal_has_one_line(
    clock: Clock,  # noqa: ARG001
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
asked = "import sys; sys.path[:0] = [{str(ROLE / "action_plugins")!r}]; import processing_job_watch as watch;"
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

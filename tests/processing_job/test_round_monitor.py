"""When a round is over, when it cannot end well, and what the user is told of it."""

from __future__ import annotations

import errno
import re
from types import SimpleNamespace
from typing import Any

import pytest

from tests.processing_job.fake_clock import Clock
from tests.processing_job.plugin_loader import look, tasks, watch


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
        "takers": [],
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
@pytest.mark.usefixtures("clock")
def test_a_round_is_over_whatever_its_receipts_say(status: str) -> None:
    receipts = [(chunk, status) for chunk, _ in DONE]

    assert watch.Watch(0).verdict(answer("done", 24, *receipts)) == ""


@pytest.mark.usefixtures("clock")
def test_the_first_error_ends_a_round() -> None:
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


def failed(*ends: tuple[int, str, int], takers: str = "abc", waiting: tuple[int, ...] = ()) -> dict[str, Any]:
    """Chunks that have stopped, each with its attempts: chunk, board, exit code."""
    one = {"attempt": "x", "round": 1, "state": "failed", "message": "task: non-zero exit", "ended": 9.0}
    return {
        "receipts": [],
        "total": 9,
        "tasks": [
            one | {"chunk": chunk, "board": board, "exit": code, "started": float(number)}
            for number, (chunk, board, code) in enumerate(ends)
        ],
        "slots": {"running": [], "waiting": [*waiting], "stopped": sorted({chunk for chunk, _, _ in ends})},
        "logs": [],
        "takers": [*takers],
    }


def given_up(clock: Clock, answer: dict[str, Any], seen: Any = None) -> tuple[str | None, list[int]]:
    """The verdict when Swarm has given chunks up, and the chunks that other boards shall try."""
    one = watch.Watch(0, seen)
    assert one.verdict(answer) is None
    clock.now += watch.STOPPED_FOR
    return one.verdict(answer), one.elsewhere


def test_what_one_board_fails_at_others_try(clock: Clock) -> None:
    answer = failed((1, "b", 1), (1, "b", 1), (1, "b", 1))

    assert given_up(clock, answer) == (None, [1])
    assert watch.failed_on(answer, 1) == ["b"]
    assert watch.elsewhere(answer, 1) == ["a", "c"]


def test_what_the_others_fail_at_as_well_ends_the_round(clock: Clock) -> None:
    seen = watch.Seen(twice=[1])

    verdict, others = given_up(clock, failed((1, "b", 1), (1, "a", 1)), seen)

    assert (verdict, others) == ("chunk 1 failed 2 times (on a, b), last because task: non-zero exit.", [])


@pytest.mark.parametrize("code", [137, errno.ENOSPC, errno.EDQUOT])
def test_what_would_be_the_same_anywhere_is_not_tried_elsewhere(clock: Clock, code: int) -> None:
    verdict, others = given_up(clock, failed((1, "b", 1), (1, "b", code)))

    assert verdict
    assert others == []


def test_no_other_board_is_left(clock: Clock) -> None:
    assert given_up(clock, failed((1, "b", 1), (1, "a", 1), takers="ab"))[0]
    assert given_up(clock, failed((1, "b", 1), takers="b"))[0]


def test_others_try_all_that_a_board_has_failed_at_in_one_round(clock: Clock) -> None:
    ends = (1, "b", 1), (2, "c", 1), (4, "b", 1)

    assert given_up(clock, failed(*ends, waiting=(3,))) == (None, [])
    assert given_up(clock, failed(*ends)) == (None, [1, 4])


def test_a_chunk_that_must_fail_is_told_at_once(clock: Clock) -> None:
    verdict, others = given_up(clock, failed((1, "b", 1), (2, "c", 137), waiting=(3,)))

    assert verdict
    assert verdict.startswith("chunk 2 failed 1 time (on c)")
    assert others == []


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


# -- a board that begins nothing ---------------------------------------------------------------------------------------


def placed(*tasks: tuple[int, str, str], takers: str = "abc") -> dict[str, Any]:
    """What the module answers of tasks that are somewhere: chunk, board, state."""
    told = [
        {"chunk": chunk, "attempt": f"{chunk}{board}", "board": board, "state": state, "started": 0.0, "ended": None}
        | {"exit": None, "message": state, "round": 1}
        for chunk, board, state in tasks
    ]
    slots = {"running": sorted({chunk for chunk, _, _ in tasks}), "waiting": [], "stopped": []}
    return {"receipts": [], "total": 9, "tasks": told, "slots": slots, "logs": [], "takers": [*takers]}


def hangs(clock: Clock, first: dict[str, Any], then: dict[str, Any] | None = None, seen: Any = None) -> Any:
    """Watch two answers with as much time between them as a container may take to begin."""
    one = watch.Watch(0, seen)
    assert one.verdict(first) is None
    assert one.unbegun == []
    clock.now += watch.UNBEGUN_FOR
    assert one.verdict(then or first) is None
    return one


@pytest.mark.parametrize("state", ["assigned", "preparing", "starting"])
def test_what_a_board_does_not_begin_others_try(clock: Clock, state: str) -> None:
    answer = placed((1, "a", "running"), (2, "b", state))

    one = hangs(clock, answer)

    assert one.unbegun_elsewhere == [2]
    assert watch.boards_of(answer["tasks"], [2]) == ["b"]
    assert one.remark(answer) == "b: no container begins for 10 minutes. Does Docker hang there, or the share?"
    # Once; and it is said as long as it is so.
    assert one.verdict(answer) is None
    assert (one.unbegun, one.unbegun_elsewhere) == ([2], [])


def test_a_container_that_has_begun_may_take_its_time(clock: Clock) -> None:
    one = hangs(clock, placed((2, "b", "starting")), placed((2, "b", "running")))

    assert (one.unbegun, one.remark(placed())) == ([], "")


def test_another_attempt_begins_anew(clock: Clock) -> None:
    assert hangs(clock, placed((2, "b", "starting")), placed((2, "c", "starting"))).unbegun == []


def test_a_chunk_that_another_attempt_works_at_is_begun(clock: Clock) -> None:
    assert hangs(clock, placed((2, "b", "starting"), (2, "c", "running"))).unbegun == []


def test_when_no_board_begins_anything_it_is_only_said(clock: Clock) -> None:
    """The server of the share may be off: all boards wait for it, and go on when it is back."""
    answer = placed((1, "a", "starting"), (2, "b", "preparing"), takers="ab")

    one = hangs(clock, answer)

    assert (one.unbegun, one.unbegun_elsewhere) == ([1, 2], [])
    assert one.remark(answer).startswith("a, b: no container begins")


# -- files of the job that are not what they were ----------------------------------------------------------------------


def test_a_damaged_file_ends_a_round_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A manager that does not answer is waited for; a file that is damaged stays so."""
    action = object.__new__(watch.ActionModule)
    action._task = SimpleNamespace(args={"job": "/srv/csvswarm/jobs/demo"})
    monkeypatch.setattr(watch.ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(action, "_look", lambda *_: {"damage": "000007-0001.json is not a regular file"})

    assert action.run() == {
        "message": "a file of the job on the share is damaged: 000007-0001.json is not a regular file. "
        "Remove the job with playbooks/jobs.yml, and run it anew."
    }

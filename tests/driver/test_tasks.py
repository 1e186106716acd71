"""Swarm's tasks as a real engine reported them, and the slots of a round derived from them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from csvswarm.driver.tasks import Node, Slots, Task, seconds_of, slots_of

from tests.driver.recorded import CHUNKS, recorded, tasks_of

BOARDS = {"board1", "board2", "board3"}


def by_chunk(tasks: list[Task], chunk: int) -> list[Task]:
    return sorted((task for task in tasks if task.chunk == chunk), key=lambda task: task.started)


def slots(name: str, chunks: int) -> Slots:
    return slots_of(tasks_of(name), range(11, 11 + chunks))


# -- tasks -------------------------------------------------------------------------------------------------------------


def test_tasks_of_a_finished_round() -> None:
    tasks = tasks_of("done")

    assert sorted(task.chunk for task in tasks) == list(range(11, 35))
    assert {task.state for task in tasks} == {"complete"}
    assert {task.exit for task in tasks} == {0}
    assert {task.board for task in tasks} == BOARDS
    assert len({task.attempt for task in tasks}) == 24
    assert all(task.ended is not None and task.started < task.ended for task in tasks)
    assert not any(task.has_failed for task in tasks)


def test_pending_tasks() -> None:
    tasks = tasks_of("waiting")
    pending = [task for task in tasks if task.state == "pending"]

    assert len(pending) == 18
    for task in pending:
        assert (task.board, task.exit, task.ended) == ("", None, None)
        assert task.message == "no suitable node (insufficient resources on 3 nodes)"
    assert {task.state: task.ended for task in tasks if task.exit is None} == {
        "pending": None,
        "preparing": None,
        "starting": None,
    }


@pytest.mark.parametrize(
    ("slot", "code", "message"),
    [
        (2, 1, "task: non-zero exit (1)"),
        (3, 137, "task: non-zero exit (137)"),
        (4, 142, "task: non-zero exit (142)"),
        (5, 137, "task: non-zero exit (137)"),  # of the one that ran out of memory
    ],
)
def test_failed_attempts(slot: int, code: int, message: str) -> None:
    tasks = by_chunk(tasks_of("gave-up"), 10 + slot)

    # restart_policy: two restarts after the first attempt
    assert [(task.state, task.exit, task.message) for task in tasks] == [("failed", code, message)] * 3
    assert all(task.board in BOARDS and task.has_failed for task in tasks)
    assert all(one.ended is not None and one.ended <= after.started for one, after in pairwise(tasks))


def test_a_running_attempt_has_no_exit_code() -> None:
    [task] = by_chunk(tasks_of("gave-up"), 16)

    assert (task.state, task.exit, task.ended, task.message) == ("running", None, None, "started")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "unmounted",
            'invalid mount config for type "bind": bind source path does not exist: /srv/csvswarm/jobs/not-there',
        ),
        ("no-image", "No such image: csvswarm-job:000000000000"),
    ],
)
def test_rejected_attempts(name: str, message: str) -> None:
    tasks = tasks_of(name)

    assert len(tasks) == 6
    for task in tasks:
        # Without a container there is no exit code, whatever the engine writes.
        assert (task.state, task.exit, task.message) == ("rejected", None, message)
        assert task.board in BOARDS
        assert task.ended is not None


def test_tasks_of_a_drained_board() -> None:
    first, second = by_chunk(tasks_of("drained"), 11)

    assert (first.state, first.exit, first.board) == ("shutdown", 143, "board2")
    assert (second.state, second.exit, second.board) == ("starting", None, "board1")
    assert first.ended is not None
    assert second.ended is None


def test_task_on_a_removed_node() -> None:
    assert Task.from_json(recorded("done")["tasks"][0], {}, 1, CHUNKS).board == ""


def test_a_message_cannot_act_on_a_terminal() -> None:
    task = recorded("no-image")["tasks"][0]
    task["Status"]["Err"] = "one\n\x1b[31mtwo"

    assert Task.from_json(task, {}, 1, CHUNKS).message == r"one\x0a\x1b[31mtwo"


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2026-01-31T10:15:00.5Z", 1769854500.5),
        ("2026-01-31T10:15:00.123456789Z", 1769854500.123456789),
        ("2026-01-31T10:15:00.957265136Z", 1769854500.957265136),
        ("2024-02-29T23:59:59.000000001Z", 1709251199.000000001),
    ],
)
def test_timestamps(timestamp: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")

    assert seconds_of(timestamp) == seconds


def test_schedulable_nodes() -> None:
    nodes = [Node.from_json(node) for node in recorded("waiting")["nodes"]]
    nameless = {"ID": "x", "Description": {}, "Status": {"State": "ready"}, "Spec": {"Availability": "active"}}

    assert {node.board for node in nodes if node.schedulable} == BOARDS
    assert not Node.from_json(nameless).schedulable
    for part, value in (("Status", {"State": "down"}), ("Spec", {"Availability": "drain"})):
        assert not Node.from_json(recorded("waiting")["nodes"][0] | {part: value}).schedulable


# -- slots -------------------------------------------------------------------------------------------------------------


def test_slots_of_pending_tasks() -> None:
    tasks = tasks_of("waiting")
    done = {task.chunk for task in tasks if task.state == "complete"}

    found = slots_of(tasks, set(range(11, 35)) - done)

    assert (len(found.running), len(found.waiting), found.stopped) == (2, 18, [])


def test_slots_being_restarted_count_as_running() -> None:
    assert slots("failing", 6) == Slots([12, 13, 14, 15, 16], [], [11])


def test_abandoned_slots() -> None:
    assert slots("gave-up", 6) == Slots([16], [], [11, 12, 13, 14, 15])
    assert slots("unmounted", 2) == Slots([], [], [11, 12])
    assert slots("no-image", 2) == Slots([], [], [11, 12])


def test_unschedulable_slots() -> None:
    assert slots("too-large", 2) == Slots([], [11, 12], [])


@pytest.mark.parametrize("name", ["draining", "drained"])
def test_slots_of_a_drained_board_run_elsewhere(name: str) -> None:
    assert slots(name, 6) == Slots([11, 12, 13, 14, 15, 16], [], [])


def test_slots_without_tasks_wait() -> None:
    assert slots_of([], {3, 1}) == Slots([], [1, 3], [])


def test_slots_of_committed_chunks_are_ignored() -> None:
    assert slots_of(tasks_of("gave-up"), {13}) == Slots([], [], [13])
    assert slots("gave-up", 6).without({16, 12}) == Slots([], [], [11, 13, 14, 15])


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("running", Slots([12], [], [])),
        ("starting", Slots([12], [], [])),
        ("pending", Slots([], [12], [])),
        ("failed", Slots([], [], [12])),
    ],
)
def test_service_with_more_progress_decides(second: str, expected: Slots) -> None:
    """The first one has abandoned chunk 12."""
    first = tasks_of("gave-up")
    task = by_chunk(first, 12)[-1]
    retry = Task(2, 12, "other", "board1", second, "", None, task.started - 100, None)

    assert slots_of([*first, retry], {12}) == expected

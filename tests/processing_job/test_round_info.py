"""What the manager sees of a round: receipts on the share, and tasks as a real engine told them."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.processing_job.conftest import RecordedEngine
from tests.processing_job.plugin_loader import files, look, recorded, tasks
from tests.support.jobs import Scripts

BOARDS = {"board1", "board2", "board3"}
DATA = "a,b\n" + "".join(f"{n},{n % 7}\n" for n in range(2400))


def by_chunk(told: list[dict[str, Any]], chunk: int) -> list[dict[str, Any]]:
    return sorted((task for task in told if task["chunk"] == chunk), key=lambda task: float(task["started"]))


def slots(name: str, chunks: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = look.slots(tasks(name), set(range(11, 11 + chunks)))
    return found


# -- tasks -------------------------------------------------------------------------------------------------------------


def test_tasks_of_a_job_that_is_done() -> None:
    told = tasks("done")

    assert sorted(task["chunk"] for task in told) == list(range(11, 35))
    assert {task["state"] for task in told} == {"complete"}
    assert {task["exit"] for task in told} == {0}
    assert {task["board"] for task in told} == BOARDS
    assert len({task["attempt"] for task in told}) == 24
    assert all(task["started"] < task["ended"] for task in told)


def test_tasks_that_wait() -> None:
    told = tasks("waiting")
    pending = [task for task in told if task["state"] == "pending"]

    assert len(pending) == 18
    for task in pending:
        assert (task["board"], task["exit"], task["ended"]) == ("", None, None)
        assert task["message"] == "no suitable node (insufficient resources on 3 nodes)"
    assert {task["state"]: task["ended"] for task in told if task["exit"] is None} == {
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
def test_attempts_that_failed(slot: int, code: int, message: str) -> None:
    told = by_chunk(tasks("gave-up"), 10 + slot)

    # restart_policy: two restarts after the first try
    assert [(task["state"], task["exit"], task["message"]) for task in told] == [("failed", code, message)] * 3
    assert all(task["board"] in BOARDS for task in told)
    assert all(one["ended"] <= next_one["started"] for one, next_one in pairwise(told))


def test_an_attempt_that_runs_has_no_exit_code_yet() -> None:
    [task] = by_chunk(tasks("gave-up"), 16)

    assert (task["state"], task["exit"], task["ended"], task["message"]) == ("running", None, None, "started")


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
def test_attempts_that_a_board_refused(name: str, message: str) -> None:
    told = tasks(name)

    assert len(told) == 6
    for task in told:
        # No container ever was, so there is no exit code, whatever the engine writes.
        assert (task["state"], task["exit"], task["message"]) == ("rejected", None, message)
        assert task["board"] in BOARDS
        assert task["ended"] is not None


def test_tasks_of_a_board_that_is_drained() -> None:
    told = tasks("drained")

    first, second = by_chunk(told, 11)
    assert (first["state"], first["exit"], first["board"]) == ("shutdown", 143, "board2")
    assert (second["state"], second["exit"], second["board"]) == ("starting", None, "board1")
    assert first["ended"] is not None
    assert second["ended"] is None


def test_a_task_of_a_board_that_has_left_the_swarm() -> None:
    task = recorded("done")["tasks"][0]

    assert look.told(task, {}, 1, list(range(11, 60)))["board"] == ""


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2026-01-31T10:15:00.5Z", 1769854500.5),
        ("2026-01-31T10:15:00.123456789Z", 1769854500.123456789),
        ("2026-01-31T10:15:00.957265136Z", 1769854500.957265136),
        ("2024-02-29T23:59:59.000000001Z", 1709251199.000000001),
    ],
)
def test_times(stamp: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")

    assert look.seconds(stamp) == seconds


# -- slots -------------------------------------------------------------------------------------------------------------


def test_slots_while_tasks_wait() -> None:
    told = tasks("waiting")
    done = {task["chunk"] for task in told if task["state"] == "complete"}

    found = look.slots(told, set(range(11, 35)) - done)

    assert len(found["running"]) == 2
    assert len(found["waiting"]) == 18
    assert found["stopped"] == []


def test_slots_whose_attempts_fail_go_on_while_swarm_tries() -> None:
    assert slots("failing", 6) == {"running": [12, 13, 14, 15, 16], "waiting": [], "stopped": [11]}


def test_slots_that_swarm_gave_up() -> None:
    assert slots("gave-up", 6) == {"running": [16], "waiting": [], "stopped": [11, 12, 13, 14, 15]}
    assert slots("unmounted", 2) == {"running": [], "waiting": [], "stopped": [11, 12]}
    assert slots("no-image", 2) == {"running": [], "waiting": [], "stopped": [11, 12]}


def test_slots_that_no_board_takes() -> None:
    assert slots("too-large", 2) == {"running": [], "waiting": [11, 12], "stopped": []}


@pytest.mark.parametrize("name", ["draining", "drained"])
def test_slots_of_a_drained_board_are_on_their_way_elsewhere(name: str) -> None:
    assert slots(name, 6) == {"running": [11, 12, 13, 14, 15, 16], "waiting": [], "stopped": []}


def test_slots_before_swarm_has_made_their_tasks() -> None:
    assert look.slots([], {3, 1}) == {"running": [], "waiting": [1, 3], "stopped": []}


def test_only_chunks_without_a_receipt_are_told() -> None:
    assert look.slots(tasks("gave-up"), {13}) == {"running": [], "waiting": [], "stopped": [13]}


# -- receipts ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """A job of 24 chunks that was split, and none of it processed."""
    source = tmp_path / "data.csv"
    source.write_text(DATA)
    scripts = Scripts(tmp_path)
    split = scripts.split(source, "--chunks", "24", "--workers", "1", "--durable", "--plan").answer
    assert split["round"] == {"number": 1, "generation": 1, "chunks": list(range(1, 25))}
    return scripts


def process(scripts: Scripts, *slots: int) -> None:
    for slot in slots:
        run = scripts.process("--round", "1", "--slot", str(slot), "--attempt", f"task{slot}")
        assert run.answer["status"] == "done"


def receipts(scripts: Scripts, *known: int, chunks: range = range(1, 25), generation: int = 1) -> list[dict[str, Any]]:
    with files.folder(str(scripts.job)) as job:
        found: list[dict[str, Any]] = look.read_receipts(job, generation, list(chunks), set(known))
    return found


def test_receipts_are_told_once(scripts: Scripts) -> None:
    assert receipts(scripts) == []

    process(scripts, 2, 7)

    rows = [chunk["rows"] for chunk in json.loads((scripts.job / "manifest.json").read_text())["chunks"]]
    assert receipts(scripts) == [
        {"chunk": number, "status": "done", "board": os.uname().nodename, "rows_in": rows[number - 1], "rejected": 0}
        for number in (2, 7)
    ]
    assert [receipt["chunk"] for receipt in receipts(scripts, 2)] == [7]
    assert receipts(scripts, 2, 7) == []


def test_receipts_of_another_round_do_not_count(scripts: Scripts) -> None:
    process(scripts, 2, 7)

    assert receipts(scripts, chunks=range(3, 7)) == []
    assert receipts(scripts, generation=2) == []


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


def a_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_folder(path: Path) -> None:
    path.mkdir()


def deep(path: Path) -> None:
    path.write_text("[" * 10_000 + "]" * 10_000)


def ten_gigabytes(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10_000_000_000)


def of_another_chunk(path: Path) -> None:
    path.write_text('{"chunk": 8, "status": "done", "board": "b", "rows_in": 1, "rejected": 0}')


def without_rows(path: Path) -> None:
    path.write_text('{"chunk": 7, "status": "done", "board": "b", "rows_in": "many", "rejected": 0}')


@pytest.mark.timeout(60)
@pytest.mark.parametrize("make", [a_fifo, a_link, a_folder, deep, ten_gigabytes, of_another_chunk, without_rows])
def test_what_stands_in_place_of_a_receipt_is_named(scripts: Scripts, make: Callable[[Path], None]) -> None:
    make(scripts.job / "receipts/000007-0001.json")

    with pytest.raises(files.Damaged, match=r"^000007-0001\.json (is|has) "):
        receipts(scripts)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("make", [a_fifo, a_link, a_folder, deep, ten_gigabytes, without_rows])
def test_what_stands_in_place_of_a_plan_is_named(
    scripts: Scripts, engine: RecordedEngine, make: Callable[[Path], None]
) -> None:
    engine.show("waiting")
    (scripts.job / "round-0001.json").unlink()
    make(scripts.job / "round-0001.json")

    with pytest.raises(files.Damaged, match=r"^round-0001\.json (is|has) "):
        looked(engine, scripts)


def test_a_link_in_place_of_the_receipts_is_not_followed(scripts: Scripts, tmp_path: Path) -> None:
    (scripts.job / "receipts").rename(tmp_path / "receipts")
    (scripts.job / "receipts").symlink_to(tmp_path / "receipts")

    with pytest.raises(files.Damaged, match=r"^receipts is a symbolic link$"):
        receipts(scripts)


@pytest.mark.timeout(60)
def test_only_the_end_of_a_regular_log_is_read(scripts: Scripts, engine: RecordedEngine) -> None:
    engine.show("done")
    a_fifo(scripts.job / "logs/0001-000007-fifo.log")
    a_link(scripts.job / "logs/0001-000007-link.log")
    with (scripts.job / "logs/0001-000007-a\n.log").open("wb") as file:
        file.truncate(10_000_000_000)
        file.seek(0, os.SEEK_END)
        file.write(b"\na \x1b[31m \xff \rlast line\n")

    [log] = looked(engine, scripts, *range(1, 7))["logs"]

    assert log["path"] == rf"{scripts.job}/logs/0001-000007-a\x0a.log"
    assert log["last"] == "a \\x1b[31m \ufffd \\x0dlast line"


def test_looking_leaves_nothing_behind(scripts: Scripts) -> None:
    process(scripts, 2)
    before = sorted(path.name for path in scripts.job.rglob("*"))

    receipts(scripts)

    assert sorted(path.name for path in scripts.job.rglob("*")) == before


# -- both --------------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "PAUSE", 0)


def looked(engine: RecordedEngine, scripts: Scripts, *known: int, wait: float = 0) -> dict[str, Any]:
    asking = look.Engine(engine.path)
    with closing(asking._connection):  # noqa: SLF001 - the module leaves that to its end
        found: dict[str, Any] = look.look(asking, scripts.job, {1: "csvswarm-demo-1_chunks"}, list(known), wait)
    return found


def test_a_look(scripts: Scripts, engine: RecordedEngine) -> None:
    engine.show("waiting")
    process(scripts, 3)

    answer = looked(engine, scripts)

    assert answer["total"] == 24
    assert [receipt["chunk"] for receipt in answer["receipts"]] == [3]
    assert len(answer["tasks"]) == 24
    assert {task["board"] for task in answer["tasks"]} == BOARDS | {""}
    assert answer["takers"] == sorted(BOARDS)
    assert 3 not in [chunk for found in answer["slots"].values() for chunk in found]
    # What Ansible carries to the control node.
    assert json.loads(json.dumps(answer)) == answer


def test_a_node_that_never_said_who_it_is(scripts: Scripts, engine: RecordedEngine) -> None:
    engine.show("waiting")
    nameless = {"ID": "x", "Description": {}, "Status": {"State": "unknown"}, "Spec": {"Availability": "active"}}
    engine.answers["nodes"].append(nameless)

    assert {task["board"] for task in looked(engine, scripts)["tasks"]} == BOARDS | {""}


def test_the_engine_is_asked_for_the_tasks_of_this_service_alone(scripts: Scripts, engine: RecordedEngine) -> None:
    engine.show("waiting")

    looked(engine, scripts)

    kinds = [(path.rpartition("/")[2], filters) for path, filters in engine.asked]
    assert kinds[0] == ("nodes", {})
    assert set(map(str, kinds[1:])) == {str(("tasks", {"service": ["csvswarm-demo-1_chunks"]}))}
    # Without a version: old engines know no new ones, and new engines have dropped old ones.
    assert {path for path, _ in engine.asked} == {"/nodes", "/tasks"}


def test_second_attempts_are_tasks_of_the_same_chunks(scripts: Scripts, engine: RecordedEngine) -> None:
    engine.show("waiting")
    planned = json.loads((scripts.job / "round-0001.json").read_text())
    (scripts.job / "round-0002.json").write_text(json.dumps(planned | {"number": 2, "chunks": planned["chunks"][::-1]}))
    asking = look.Engine(engine.path)
    with closing(asking._connection):  # noqa: SLF001 - the module leaves that to its end
        answer = look.look(asking, scripts.job, {1: "csvswarm-demo-1_chunks", 2: "csvswarm-demo-2_chunks"}, [], 0)

    # The same slots were heard of both services.
    told = {number: [task["chunk"] for task in answer["tasks"] if task["round"] == number] for number in (1, 2)}
    assert answer["total"] == len(told[1]) == 24
    assert told[2] == [25 - chunk for chunk in told[1]]
    assert [filters["service"][0] for path, filters in engine.asked if path.endswith("tasks")] == [
        "csvswarm-demo-1_chunks",
        "csvswarm-demo-2_chunks",
    ]


def test_the_newest_log_of_a_stopped_chunk_is_told(scripts: Scripts, engine: RecordedEngine) -> None:
    engine.show("done")
    for age, name, text in ((2, "a", "first"), (1, "b", "a line\nthe last line\n"), (3, "c", "older")):
        log = scripts.job / f"logs/0001-000007-{name}.log"
        log.write_text(text)
        os.utime(log, (1e9 - age, 1e9 - age))
    (scripts.job / "logs/0002-000008-a.log").write_text("of another round")

    answer = looked(engine, scripts, *range(1, 7))

    path = str(scripts.job / "logs/0001-000007-b.log")
    assert answer["logs"] == [{"chunk": 7, "path": path, "last": "the last line"}]


def test_a_look_lasts_until_something_is_new(scripts: Scripts, engine: RecordedEngine) -> None:
    engine.show("waiting", "waiting", "waiting", "done")
    done = [task["Slot"] for task in recorded("waiting")["tasks"] if task["Status"]["State"] == "complete"]

    answer = looked(engine, scripts, *done, wait=3600)

    # The tasks were asked for until they had changed: nothing is to be had of a slot that has ended without a receipt.
    assert [path.rpartition("/")[2] for path, _ in engine.asked] == ["nodes"] + ["tasks"] * 4
    assert answer["receipts"] == []
    assert len(answer["slots"]["stopped"]) == 24 - len(done)


def test_a_look_ends_when_nothing_is_left(scripts: Scripts, engine: RecordedEngine) -> None:
    engine.show("waiting")

    answer = looked(engine, scripts, *range(1, 25), wait=3600)

    assert answer["slots"] == {"running": [], "waiting": [], "stopped": []}
    assert len(engine.asked) == 2


def test_what_is_new_is_told_in_time_and_a_failure_at_once(
    scripts: Scripts, engine: RecordedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.show("waiting")
    done = [task["Slot"] for task in recorded("waiting")["tasks"] if task["Status"]["State"] == "complete"]
    process(scripts, 24)
    clock = itertools.count(100.0, 2.0)
    monkeypatch.setattr(look.time, "monotonic", lambda: next(clock))

    answer = looked(engine, scripts, *done, wait=5)

    assert [receipt["chunk"] for receipt in answer["receipts"]] == [24]
    assert len(engine.asked) == 1 + 3

    path = scripts.job / "receipts/000024-0001.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "error"}))
    answer = looked(engine, scripts, *done, wait=5)

    assert [receipt["status"] for receipt in answer["receipts"]] == ["error"]
    assert len(engine.asked) == 1 + 3 + 1 + 1


def test_a_look_ends_after_its_time(scripts: Scripts, engine: RecordedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.show("waiting")
    done = [task["Slot"] for task in recorded("waiting")["tasks"] if task["Status"]["State"] == "complete"]
    clock = iter([100.0, 102.0, 104.0, 105.5])
    monkeypatch.setattr(look.time, "monotonic", lambda: next(clock))

    answer = looked(engine, scripts, *done, wait=5)

    assert len(engine.asked) == 1 + 3
    assert len(answer["slots"]["waiting"]) == 18


def test_an_engine_without_the_service_says_so(scripts: Scripts, engine: RecordedEngine) -> None:
    engine.show("removed")

    with pytest.raises(OSError, match="the engine says: service csvswarm-rec24-1_chunks not found"):
        looked(engine, scripts)


# -- second attempts ---------------------------------------------------------------------------------------------------


def test_of_two_services_the_more_promising_one_counts() -> None:
    """The first gave chunk 12 up; the second runs, waits, or has given up as well."""
    first = [task for task in tasks("gave-up") if task["chunk"] == 12]
    for state, where in ("running", "running"), ("pending", "waiting"), ("failed", "stopped"):
        second = first[0] | {"round": 2, "state": state, "started": 0.0}
        assert look.slots([*first, second], {12})[where] == [12]
        later = second | {"started": 9e9}
        assert look.slots([*first, later], {12})[where] == [12]


def test_a_chunk_of_two_services_runs_while_either_does() -> None:
    running = next(task for task in tasks("gave-up") if task["state"] == "running")
    failed = running | {"round": 2, "state": "failed", "started": running["started"] + 60}

    assert look.slots([running, failed], {running["chunk"]})["running"] == [running["chunk"]]

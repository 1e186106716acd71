"""The estimated time left of a round: compared with a recorded run, and where it is unknown."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from csvswarm.driver.engine import Engine
from csvswarm.driver.job_files import JobFiles
from csvswarm.driver.rounds import RoundRunner
from csvswarm.driver.services import Round
from csvswarm.driver.status import Status
from csvswarm.driver.time_left import TimeLeft
from csvswarm.job.durable_files import write_json

from tests.driver.conftest import RecordedEngine
from tests.driver.job_requests import request_of
from tests.driver.recorded import Clock, tasks_of


def test_time_left_is_near_the_truth_once_a_fifth_is_done() -> None:
    """A run of 24 chunks of one size on three boards with one slot each, one of which was drained after its first.

    A slot begins its next chunk when the one before ends. In the last tenth, estimates may be wrong by as much as
    one chunk takes.
    """
    tasks = sorted(tasks_of("done"), key=lambda task: task.ended or 0)
    began = tasks[0].started
    of_chunk: dict[int, float] = {}
    on_board: dict[str, float] = {}
    for task in tasks:
        of_chunk[task.chunk] = on_board.get(task.board, began)
        on_board[task.board] = task.ended or 0
    ends: dict[int, float] = {task.chunk: task.ended or 0 for task in tasks}
    last = max(ends.values())
    estimates, checked, seen = TimeLeft([1_000_000] * max(ends)), 0, set[int]()

    for second in range(int(last - began)):
        now = began + second
        done = {chunk for chunk, end in ends.items() if end <= now}
        running = {chunk: of_chunk[chunk] for chunk in ends if of_chunk[chunk] <= now < ends[chunk]}
        estimates.update(now, done - seen, len(running))
        seen = done
        left, truth = estimates.seconds(running, [chunk for chunk in ends if of_chunk[chunk] > now]), last - now
        if len(done) >= len(ends) / 5 and truth > (last - began) / 10:
            assert left == pytest.approx(truth, rel=0.25), (second, len(done))
            checked += 1

    assert checked > 100


def test_last_chunks_do_not_share_the_slots() -> None:
    """Four equal chunks on three slots take twice as long as three."""
    estimates = TimeLeft([10, 10, 10, 10])
    estimates.update(0, [], 3)
    assert estimates.seconds({1: 0, 2: 0, 3: 0}, [4]) is None
    estimates.update(10, [1], 3)

    assert estimates.seconds({2: 0, 3: 0, 4: 10}, []) == pytest.approx(10, abs=0.1)
    estimates.update(15, [2, 3], 1)
    # Three chunks took 40 slot-seconds.
    assert estimates.seconds({4: 10}, []) == pytest.approx(40 / 3 - 5, abs=0.1)


def test_chunks_done_before_the_driver_started_do_not_count_for_the_speed() -> None:
    """A driver that takes over finds existing receipts."""
    estimates = TimeLeft([10] * 10)
    estimates.update(100, range(1, 9), 2)

    assert estimates.seconds({9: 100, 10: 100}, []) is None
    estimates.update(110, [9], 1)
    assert estimates.seconds({10: 105}, []) == pytest.approx(10)


@pytest.mark.parametrize("chunks", [1000, 5000])
def test_many_chunks_are_spread_evenly(chunks: int) -> None:
    estimates = TimeLeft([10] * chunks)
    estimates.update(0, [], 4)
    estimates.update(10, range(1, 5), 4)

    left = estimates.seconds({}, range(5, chunks + 1))

    assert left == pytest.approx((chunks - 4) / 4 * 10)


def receipt(chunk: int) -> dict[str, Any]:
    return {"chunk": chunk, "status": "done", "rows_in": 100, "rejected": 0}


def test_status_has_the_time_left(
    recorded_engine: RecordedEngine, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a round that waits for boards: two chunks run, and four are done."""
    (tmp_path / "out").mkdir()
    (tmp_path / "job/receipts").mkdir(parents=True)
    request = request_of(job_directory=str(tmp_path / "job"), output=str(tmp_path / "out"))
    status = Status(tmp_path / "out", "demo.1", "s1", "board1")
    round_ = Round(1, 1, tuple(range(1, 25)))
    recorded_engine.show("waiting")
    seen: list[dict[str, Any]] = []

    def sleep(_: float) -> None:
        """The boards work between two checks of the driver: four chunks are done after 20 s, all at the end."""
        seen.append(dict(status.values))
        clock.now += 20
        if len(seen) == 2:
            recorded_engine.show("done")
        for chunk in (2, 5, 7, 8) if len(seen) == 1 else range(1, 25):
            write_json(tmp_path / f"job/receipts/{chunk:06d}-0001.json", receipt(chunk))

    monkeypatch.setattr("time.sleep", sleep)
    with closing(Engine(recorded_engine.path)) as engine:
        RoundRunner(
            request, engine, JobFiles(tmp_path / "job"), status, round_, [], sizes=[(10, 100)] * 24, done=[]
        ).run()

    assert seen[0]["seconds_left"] is None
    # Two slots for 20 s; the two that still run have taken all of it and are overdue, so that six took 40 slot-seconds.
    assert seen[1]["chunks"] == {"total": 24, "done": 4, "running": 2, "waiting": 18, "failed_attempts": 0}
    assert seen[1]["bytes"] == {"total": 240, "done": 40}
    assert seen[1]["seconds_left"] == pytest.approx(9 * 40 / 6 + 5)
    assert (status.values["chunks"]["done"], status.values["seconds_left"]) == (24, None)
    # It was seen when two chunks got a board; for others that were quick, it is unknown.
    tasks = json.loads((tmp_path / "job/tasks-0001.json").read_text())["tasks"]
    placed = {task["chunk"]: round(task["placed"] - task["started"], 3) for task in tasks if task["placed"]}
    assert placed == {13: 18.948, 14: 22.563}

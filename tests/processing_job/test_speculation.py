"""Which chunks are slow, so that a second attempt may overtake them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from tests.processing_job.fake_clock import Clock
from tests.processing_job.plugin_loader import tasks, watch


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

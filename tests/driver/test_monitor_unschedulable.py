"""How long a round waits for chunks that no board can run."""

from __future__ import annotations

from dataclasses import replace

from csvswarm.driver.monitor import UNSCHEDULABLE_TIMEOUT, WAIT_TIMEOUT, RoundMonitor, Snapshot, Verdict

from tests.driver.recorded import Clock, snapshot_of

WATCH = Verdict()


def unschedulable() -> Snapshot:
    large = snapshot_of("too-large", 2)
    message = "no suitable node (3 nodes not available for new tasks)"
    return replace(large, tasks=[replace(task, message=message) for task in large.tasks])


def test_round_without_a_board_fails_after_its_limit(clock: Clock) -> None:
    monitor = RoundMonitor()

    assert monitor.verdict(unschedulable()) == WATCH
    clock.now += UNSCHEDULABLE_TIMEOUT - 1
    assert monitor.verdict(unschedulable()).failure == ""
    clock.now += 1
    assert monitor.verdict(unschedulable()).failure == (
        "no board has been available for 2 minutes: "
        "Swarm reports no suitable node (3 nodes not available for new tasks)."
    )


def test_returning_board_resets_the_limit(clock: Clock) -> None:
    monitor = RoundMonitor()
    running = snapshot_of("waiting", 24)
    running.slots.stopped.clear()

    assert monitor.verdict(unschedulable()) == WATCH
    clock.now += UNSCHEDULABLE_TIMEOUT - 1
    assert monitor.verdict(running) == WATCH
    clock.now += 1
    assert monitor.verdict(unschedulable()) == WATCH
    clock.now += UNSCHEDULABLE_TIMEOUT - 1
    assert monitor.verdict(unschedulable()).failure == ""


def test_round_waits_for_another_job_without_a_limit(clock: Clock) -> None:
    monitor = RoundMonitor()
    full = snapshot_of("too-large", 2)

    assert monitor.verdict(full) == WATCH
    clock.now += WAIT_TIMEOUT - 1
    assert monitor.verdict(full) == WATCH
    for _ in range(10):
        clock.now += UNSCHEDULABLE_TIMEOUT
        assert monitor.verdict(full) == Verdict(remark="no suitable node (insufficient resources on 3 nodes)")


def test_no_pending_reason_while_running(clock: Clock) -> None:
    monitor = RoundMonitor()
    running = snapshot_of("waiting", 24)
    running.slots.stopped.clear()

    monitor.verdict(running)
    clock.now += 10 * WAIT_TIMEOUT
    assert monitor.verdict(running) == WATCH


def test_tasks_without_an_address_yet_do_not_fail_the_round(clock: Clock) -> None:
    monitor = RoundMonitor()
    new = snapshot_of("too-large", 2)
    new = replace(new, tasks=[replace(task, state="new", message="created") for task in new.tasks])

    monitor.verdict(new)
    clock.now += 10 * UNSCHEDULABLE_TIMEOUT
    assert monitor.verdict(new).failure == ""

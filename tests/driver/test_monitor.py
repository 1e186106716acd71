"""When a round is over, when it cannot succeed, and which chunks get another attempt."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from csvswarm.driver.job_files import AttemptLog
from csvswarm.driver.monitor import (
    START_TIMEOUT,
    STOPPED_TIMEOUT,
    RoundMonitor,
    RoundProgress,
    Snapshot,
    Verdict,
)
from csvswarm.driver.tasks import Slots, Task

from tests.driver.recorded import Clock, snapshot_of

DONE = [(chunk, "done") for chunk in range(11, 35)]
WATCH = Verdict()


def ended(chunk: int, board: str, exit_code: int, started: float) -> Task:
    return Task(1, chunk, "x", board, "failed", "task: non-zero exit", exit_code, started, 9.0)


def failed(*ends: tuple[int, str, int], boards: str = "abc", waiting: tuple[int, ...] = ()) -> Snapshot:
    """Stopped chunks, each with its attempts: chunk, board, exit code."""
    tasks = [ended(chunk, board, code, float(number)) for number, (chunk, board, code) in enumerate(ends)]
    slots = Slots([], [*waiting], sorted({chunk for chunk, _, _ in ends}))
    return Snapshot([], 9, tasks, slots, [*boards])


def after_stop(clock: Clock, snapshot: Snapshot, progress: RoundProgress | None = None) -> Verdict:
    """The verdict once Swarm has abandoned chunks."""
    monitor = RoundMonitor(progress=progress)
    assert monitor.verdict(snapshot) == WATCH
    clock.now += STOPPED_TIMEOUT
    return monitor.verdict(snapshot)


# -- over --------------------------------------------------------------------------------------------------------------


def test_round_is_over_when_every_chunk_has_a_receipt(clock: Clock) -> None:
    monitor = RoundMonitor()

    assert monitor.verdict(snapshot_of("waiting", 24, *DONE[:6])) == WATCH
    clock.now += 5
    assert monitor.verdict(snapshot_of("waiting", 24, *DONE[6:23])) == WATCH
    assert monitor.verdict(snapshot_of("done", 24, DONE[23])) == Verdict(over=True)
    assert sorted(monitor.progress.statuses) == list(range(11, 35))
    assert monitor.progress.rows == 2400


@pytest.mark.parametrize("status", ["misfit", "suspect"])
@pytest.mark.usefixtures("clock")
def test_round_ends_whatever_its_receipts_report(status: str) -> None:
    receipts = [(chunk, status) for chunk, _ in DONE]

    assert RoundMonitor().verdict(snapshot_of("done", 24, *receipts)).over


@pytest.mark.usefixtures("clock")
def test_first_error_ends_the_round() -> None:
    monitor = RoundMonitor()

    assert not monitor.verdict(snapshot_of("waiting", 24, DONE[0])).over
    assert monitor.verdict(snapshot_of("waiting", 24, (14, "error"))).over
    assert monitor.progress.statuses == {11: "done", 14: "error"}


# -- chunks that Swarm has abandoned -----------------------------------------------------------------------------------


def test_receipt_of_a_stopped_slot_may_come_late(clock: Clock) -> None:
    monitor = RoundMonitor()

    assert monitor.verdict(snapshot_of("done", 24, *DONE[:23])) == WATCH
    clock.now += STOPPED_TIMEOUT - 0.1
    assert monitor.verdict(snapshot_of("done", 24)) == WATCH
    assert monitor.verdict(snapshot_of("done", 24, DONE[23])).over


def test_slot_that_stays_stopped_fails(clock: Clock) -> None:
    monitor = RoundMonitor()
    gave_up = snapshot_of("gave-up", 6, (11, "done"))

    assert monitor.verdict(gave_up) == WATCH
    clock.now += STOPPED_TIMEOUT
    failure = monitor.verdict(replace(gave_up, receipts=[])).failure

    assert re.fullmatch(
        r"chunk 12 failed 3 times \(on board\d(, board\d)*\), the last time because task: non-zero exit \(1\)\.",
        failure,
    )


def test_restarting_slot_is_not_failed(clock: Clock) -> None:
    monitor = RoundMonitor()
    stopped = snapshot_of("gave-up", 6, (11, "done"))
    running = replace(snapshot_of("failing", 6), slots=Slots([12, 13, 14, 15, 16], [], []))

    assert monitor.verdict(stopped) == WATCH
    clock.now += STOPPED_TIMEOUT - 1
    assert monitor.verdict(running) == WATCH
    clock.now += 1
    stopped = replace(stopped, receipts=[])
    assert monitor.verdict(stopped) == WATCH
    clock.now += STOPPED_TIMEOUT - 1
    assert monitor.verdict(stopped) == WATCH
    clock.now += 1
    assert "chunk 12 failed 3 times" in monitor.verdict(stopped).failure


def test_failed_chunk_is_retried_on_other_boards(clock: Clock) -> None:
    verdict = after_stop(clock, failed((1, "b", 1), (1, "b", 1), (1, "b", 1)))

    failure = "chunk 1 failed 3 times (on b), the last time because task: non-zero exit."
    assert verdict == Verdict(failure=failure, retry=(1,), avoid=("b",), reason=f"{failure} Retrying on a, c.")


def test_chunk_failing_on_other_boards_too_ends_the_round(clock: Clock) -> None:
    verdict = after_stop(clock, failed((1, "b", 1), (1, "a", 1)), RoundProgress(retried={1}))

    assert verdict == Verdict(failure="chunk 1 failed 2 times (on a, b), the last time because task: non-zero exit.")


@pytest.mark.parametrize("code", [137, 28, 122])
def test_failure_common_to_all_boards_is_not_retried(clock: Clock, code: int) -> None:
    verdict = after_stop(clock, failed((1, "b", 1), (1, "b", code)))

    assert verdict.failure
    assert verdict.retry == ()


def test_no_retry_without_another_board(clock: Clock) -> None:
    for snapshot in (failed((1, "b", 1), (1, "a", 1), boards="ab"), failed((1, "b", 1), boards="b")):
        verdict = after_stop(clock, snapshot)
        assert (bool(verdict.failure), verdict.retry) == (True, ())


def test_one_retry_round_for_all_chunks_of_a_bad_board(clock: Clock) -> None:
    ends = (1, "b", 1), (2, "c", 1), (4, "b", 1)

    assert after_stop(clock, failed(*ends, waiting=(3,))) == WATCH
    assert after_stop(clock, failed(*ends)).retry == (1, 4)


def test_hopeless_chunk_is_reported_immediately(clock: Clock) -> None:
    verdict = after_stop(clock, failed((1, "b", 1), (2, "c", 137), waiting=(3,)))

    assert verdict.failure.startswith("chunk 2 failed 1 time (on c)")
    assert verdict.retry == ()


def test_failure_names_the_log_of_the_attempt(clock: Clock) -> None:
    monitor = RoundMonitor()
    logs = [AttemptLog(chunk, f"/jobs/demo/logs/0001-0000{chunk - 10:02}-x.log", f"of {chunk}") for chunk in (13, 12)]
    gave_up = replace(snapshot_of("gave-up", 6, (11, "done")), logs=logs)

    monitor.verdict(gave_up)
    clock.now += STOPPED_TIMEOUT
    assert monitor.verdict(replace(gave_up, receipts=[])).failure.endswith(
        "(1). Its log on the share, /jobs/demo/logs/0001-000002-x.log, ends with: of 12"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "unmounted",
            r"chunk 11 failed 3 times \(on .+\), the last time because the share is not mounted on board\d\.",
        ),
        ("no-image", r"chunk 11 failed 3 times \(on .+\), the last time because No such image: csvswarm-job:0{12}\."),
    ],
)
def test_rejected_attempts_have_a_reason(clock: Clock, name: str, message: str) -> None:
    assert re.fullmatch(message, after_stop(clock, snapshot_of(name, 2)).failure)


def test_success_without_a_receipt_is_a_failure(clock: Clock) -> None:
    monitor = RoundMonitor()

    monitor.verdict(snapshot_of("done", 24, *DONE[1:]))
    clock.now += STOPPED_TIMEOUT
    assert re.fullmatch(
        r"chunk 11 failed 1 time \(on board\d\), the last time because it succeeded but left no receipt\.",
        monitor.verdict(snapshot_of("done", 24)).failure,
    )


# -- deadline ----------------------------------------------------------------------------------------------------------


def test_deadline(clock: Clock) -> None:
    limited, endless, continued = RoundMonitor(600), RoundMonitor(), RoundMonitor(600, elapsed=599.5)
    waiting = snapshot_of("waiting", 24)
    waiting.slots.stopped.clear()

    clock.now += 0.4
    assert continued.verdict(waiting) == WATCH
    clock.now += 0.1
    assert continued.verdict(waiting).failure == "the deadline of 600 s has passed."
    clock.now += 599
    assert limited.verdict(waiting) == WATCH
    clock.now += 0.5
    assert limited.verdict(waiting).failure == "the deadline of 600 s has passed."
    clock.now += 1e6
    assert endless.verdict(waiting) == WATCH


def test_round_at_its_deadline_ends(clock: Clock) -> None:
    monitor = RoundMonitor(600)

    clock.now += 601
    assert monitor.verdict(snapshot_of("done", 24, *DONE)).over


# -- a board that starts nothing ---------------------------------------------------------------------------------------


def placed(*tasks: tuple[int, str, str], boards: str = "abc") -> Snapshot:
    """Tasks on boards: chunk, board, state."""
    found = [Task(1, chunk, f"{chunk}{board}", board, state, state, None, 0.0, None) for chunk, board, state in tasks]
    return Snapshot([], 9, found, Slots(sorted({chunk for chunk, _, _ in tasks}), [], []), [*boards])


def after_start(clock: Clock, first: Snapshot, then: Snapshot | None = None) -> tuple[RoundMonitor, Verdict]:
    """The verdict on two snapshots with as much time between them as a container may take to start."""
    monitor = RoundMonitor()
    assert monitor.verdict(first) == WATCH
    clock.now += START_TIMEOUT
    return monitor, monitor.verdict(then or first)


@pytest.mark.parametrize("state", ["assigned", "preparing", "starting"])
def test_unstarted_chunk_is_retried_once(clock: Clock, state: str) -> None:
    snapshot = placed((1, "a", "running"), (2, "b", state))

    monitor, verdict = after_start(clock, snapshot)

    remark = "b: no container has started for 10 minutes. Does Docker hang there, or is the NFS server down?"
    reason = "chunk 2 also started elsewhere: b is slow or hangs."
    assert verdict == Verdict(retry=(2,), avoid=("b",), reason=reason, remark=remark)
    assert monitor.verdict(snapshot) == Verdict(remark=remark)


def test_slow_started_container_is_not_retried(clock: Clock) -> None:
    assert after_start(clock, placed((2, "b", "starting")), placed((2, "b", "running")))[1] == WATCH


def test_new_attempt_has_its_own_time(clock: Clock) -> None:
    assert after_start(clock, placed((2, "b", "starting")), placed((2, "c", "starting")))[1] == WATCH


def test_chunk_with_a_running_attempt_does_not_hang(clock: Clock) -> None:
    assert after_start(clock, placed((2, "b", "starting"), (2, "c", "running")))[1] == WATCH


def test_hang_of_all_boards_is_only_reported(clock: Clock) -> None:
    """The NFS server may be off: all boards wait for it and continue when it is back."""
    _, verdict = after_start(clock, placed((1, "a", "starting"), (2, "b", "preparing"), boards="ab"))

    assert verdict.remark.startswith("a, b: no container has started")
    assert verdict == Verdict(remark=verdict.remark)

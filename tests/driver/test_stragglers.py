"""Which chunks are slow, so that a second attempt may overtake them."""

from __future__ import annotations

from csvswarm.driver.job_files import ReceiptSummary
from csvswarm.driver.monitor import MIN_SLOW_SECONDS, RoundMonitor, RoundProgress, Snapshot, Verdict
from csvswarm.driver.tasks import Slots, Task

from tests.driver.recorded import Clock


def running(chunks: list[int], *receipts: int, waiting: tuple[int, ...] = (), total: int = 8) -> Snapshot:
    """A round some of whose chunks run, have just got receipts, or wait."""
    found = [ReceiptSummary(chunk, "done", 1) for chunk in receipts]
    tasks = [Task(1, chunk, f"t{chunk}", f"board{chunk % 2}", "running", "", None, 0.0, None) for chunk in chunks]
    return Snapshot(found, total, tasks, Slots(chunks, [*waiting], []), ["board0", "board1"])


def nearly_done(clock: Clock) -> RoundProgress:
    """Six of eight chunks took 20 s each, two at a time; chunks 7 and 8 have just begun."""
    progress = RoundProgress()
    for chunk in 1, 3, 5:
        progress.update(running([chunk, chunk + 1]))
        clock.now += 20
        progress.update(running([chunk + 2, chunk + 3], chunk, chunk + 1))
    return progress


def test_straggler_has_run_1_5_times_the_median(clock: Clock) -> None:
    progress = nearly_done(clock)
    assert progress.durations == [20.0] * 6

    clock.now += 30
    assert progress.stragglers(running([7, 8])) == []
    clock.now += 0.1
    assert progress.stragglers(running([7, 8])) == [7, 8]
    # Once is enough.
    clock.now += 1000
    assert progress.stragglers(running([7, 8])) == []


def test_no_straggler_while_others_wait_for_a_board(clock: Clock) -> None:
    progress = nearly_done(clock)
    clock.now += 1000

    assert progress.stragglers(running([7, 8], waiting=(9,))) == []
    assert progress.stragglers(running([7, 8])) == [7, 8]


def test_no_straggler_before_three_quarters_are_done(clock: Clock) -> None:
    progress = nearly_done(clock)
    clock.now += 1000

    assert progress.stragglers(running([7, 8, 9], total=9)) == []
    assert progress.stragglers(running([7, 8])) == [7, 8]


def test_short_chunks_are_not_stragglers(clock: Clock) -> None:
    progress = RoundProgress()
    progress.update(running([1, 2, 3, 4], total=4))
    clock.now += 1
    progress.update(running([4], 1, 2, 3, total=4))

    clock.now += MIN_SLOW_SECONDS - 1
    assert progress.stragglers(running([4], total=4)) == []
    clock.now += 0.1
    assert progress.stragglers(running([4], total=4)) == [4]


def test_restarted_attempt_restarts_its_clock(clock: Clock) -> None:
    progress = nearly_done(clock)
    clock.now += 25
    progress.update(running([8], waiting=(7,)))
    progress.update(running([7, 8]))

    clock.now += 6
    assert progress.stragglers(running([7, 8])) == [8]


def test_new_driver_has_no_durations(clock: Clock) -> None:
    """It finds receipts of chunks that it never saw running, which must not count as chunks of zero duration."""
    progress = RoundProgress()
    progress.update(running([7, 8], 1, 2, 3, 4, 5, 6))
    clock.now += 1000

    assert progress.durations == []
    assert progress.stragglers(running([7, 8])) == []


def test_monitor_starts_stragglers_elsewhere_only_when_asked(clock: Clock) -> None:
    slow = running([7], total=7)
    verdicts = []
    for speculate in True, False:
        monitor = RoundMonitor(progress=nearly_done(clock), speculate=speculate)
        assert monitor.verdict(slow) == Verdict()
        clock.now += 31
        verdicts.append(monitor.verdict(slow))

    reason = "chunk 7 also started elsewhere: board1 is slow or hangs."
    assert verdicts == [Verdict(retry=(7,), avoid=("board1",), reason=reason), Verdict()]

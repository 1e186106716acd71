"""Two jobs at once, while a board is drained."""

from __future__ import annotations

from tests.lab.faults.conftest import Answers, Begin
from tests.lab.faults.invariants import check_done
from tests.lab.kit.lab import Lab


def test_two_jobs_at_once(lab: Lab, begin: Begin, answers: Answers) -> None:
    """The second one waits for the boards that the first one has."""
    drained = lab.workers[-1]
    one = begin()
    attempts = one.wait_for_all()
    two = begin()

    moved = next(attempt for attempt in attempts if attempt.board == drained)
    lab.set_availability(drained, "drain")
    two.let_go_at_once()
    one.let_go(*(attempt.chunk for attempt in attempts if attempt != moved))
    one.wait_for(moved.chunk, besides=[moved])
    one.let_go("all")
    runs = [job.end() for job in (one, two)]

    for job, run in zip((one, two), runs, strict=True):
        check_done(job, run, answers())
        assert drained.name not in {attempt["board"] for attempt in run.counting}
    counting = {attempt["chunk"]: attempt for attempt in runs[0].counting}
    assert counting[moved.chunk]["attempt"] != moved.attempt

"""Two concurrent jobs, while a board is drained."""

from __future__ import annotations

from tests.lab.faults.conftest import LocalResult, StartJob
from tests.lab.faults.invariants import check_done
from tests.lab.kit.lab import Lab


def test_two_jobs_at_once(lab: Lab, start_job: StartJob, local_result: LocalResult) -> None:
    """The second one waits for the boards that the first one uses."""
    drained = lab.workers[-1]
    one = start_job()
    attempts = one.wait_for_all()
    two = start_job()

    moved = next(attempt for attempt in attempts if attempt.board == drained)
    lab.set_availability(drained, "drain")
    two.release_at_once()
    one.release(*(attempt.chunk for attempt in attempts if attempt != moved))
    one.wait_for(moved.chunk, besides=[moved])
    one.release("all")
    runs = [job.end() for job in (one, two)]

    for job, run in zip((one, two), runs, strict=True):
        check_done(job, run, local_result())
        assert drained.name not in {attempt["board"] for attempt in run.counted_attempts}
    counted_attempts = {attempt["chunk"]: attempt for attempt in runs[0].counted_attempts}
    assert counted_attempts[moved.chunk]["attempt"] != moved.attempt

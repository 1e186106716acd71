"""A board is slow: with speculate=true another one overtakes it."""

from __future__ import annotations

from tests.lab.faults.conftest import LocalResult, StartJob
from tests.lab.faults.invariants import check_done


def test_slow_chunk_is_overtaken(start_job: StartJob, local_result: LocalResult) -> None:
    job = start_job(chunks=4, speculate=True)
    slow, *others = job.wait_for_all()
    chunks = {1, 2, 3, 4} - {slow.chunk}
    job.release(*chunks)
    job.wait_until_committed(*chunks)

    second = job.wait_for(slow.chunk, besides=[slow, *others])
    assert second.board != slow.board
    # The first attempt blocks forever, and nothing waits for it.
    job.release(second.attempt)
    run = job.end()

    check_done(job, run, local_result())
    assert next(one["attempt"] for one in run.counted_attempts if one["chunk"] == slow.chunk) == second.attempt

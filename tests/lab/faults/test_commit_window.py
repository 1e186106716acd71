"""Attempts are killed between write and commit, and between commit and exit."""

from __future__ import annotations

from functools import partial

from tests.lab.faults import strace
from tests.lab.faults.conftest import LocalResult, StartJob
from tests.lab.faults.invariants import check_done
from tests.lab.kit.lab import Lab


def test_killed_before_and_after_the_commit(lab: Lab, start_job: StartJob, local_result: LocalResult) -> None:
    strace.install(lab)
    job = start_job()
    before, after, other = job.wait_for_all()

    strace.at_call(before, "link,linkat", 1, "signal=SIGKILL")
    strace.at_call(after, "fsync", strace.AFTER_LINK, "signal=SIGKILL")
    job.release(before.attempt, after.attempt)
    retry = job.wait_for(before.chunk, besides=[before])
    job.wait_until_committed(after.chunk)
    for killed in (before, after):
        job.wait_until("it was killed", partial(strace.was_killed, killed))
    files = job.files("attempts")
    job.release(retry.attempt, other.attempt)
    run = job.end()

    # Both had written all files, and only one had committed.
    for killed in (before, after):
        assert f"{killed.chunk:06d}-{killed.attempt}.partial.csv" in files
        assert f"{killed.chunk:06d}-{killed.attempt}.1.json" in files
    check_done(job, run, local_result())
    counted_attempts = {attempt["chunk"]: attempt["attempt"] for attempt in run.counted_attempts}
    assert counted_attempts[before.chunk] == retry.attempt
    assert counted_attempts[after.chunk] == after.attempt

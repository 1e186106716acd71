"""Attempts are killed between write and commit, and between commit and exit."""

from __future__ import annotations

from functools import partial

from tests.lab.faults import strace
from tests.lab.faults.conftest import Answers, Begin
from tests.lab.faults.invariants import check_done
from tests.lab.kit.lab import Lab


def test_killed_before_and_after_the_commit(lab: Lab, begin: Begin, answers: Answers) -> None:
    strace.install(lab)
    job = begin()
    before, after, other = job.wait_for_all()

    strace.at_call(before, "link,linkat", 1, "signal=SIGKILL")
    strace.at_call(after, "fsync", strace.AFTER_LINK, "signal=SIGKILL")
    job.let_go(before.attempt, after.attempt)
    again = job.wait_for(before.chunk, besides=[before])
    job.wait_until_committed(after.chunk)
    for killed in (before, after):
        job.until("it was killed", partial(strace.was_killed, killed))
    files = job.files("attempts")
    job.let_go(again.attempt, other.attempt)
    run = job.end()

    # Both had written all, and only one had committed.
    for killed in (before, after):
        assert f"{killed.chunk:06d}-{killed.attempt}.partial.csv" in files
        assert f"{killed.chunk:06d}-{killed.attempt}.1.json" in files
    check_done(job, run, answers())
    counting = {attempt["chunk"]: attempt["attempt"] for attempt in run.counting}
    assert counting[before.chunk] == again.attempt
    assert counting[after.chunk] == after.attempt

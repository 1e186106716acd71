"""Attempts that want more memory than they are given."""

from __future__ import annotations

from faults.conftest import Answers, Begin
from faults.processors import GREEDY
from faults.promise import check_done, check_failed


def test_out_of_memory_once_and_always(begin: Begin, answers: Answers) -> None:
    job = begin(GREEDY, memory="256MB")
    job.wait_for_all()
    job.let_go(1)
    job.wait_until_committed(1)
    job.let_go("all")
    run = job.end()

    check_failed(job, run, "chunk 2 failed 3 times", "for want of memory", "-e memory=")
    job.said["memory"] = "700MB"
    again = job.again()
    check_done(job, again, answers(GREEDY))
    first, *others = (attempt for attempt in again.report["attempts"] if attempt["chunk"] == 1)
    assert (first["status"], first["exit"], first["counts"]) == ("lost", 137, False)
    assert [attempt["counts"] for attempt in others] == [True]

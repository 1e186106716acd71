"""Attempts that want more memory than they are given."""

from __future__ import annotations

from tests.lab.faults.blocking_processors import GREEDY, GREEDY_AT_THE_END
from tests.lab.faults.conftest import Answers, Begin
from tests.lab.faults.invariants import check_done, check_failed
from tests.lab.kit.lab import Lab


def test_out_of_memory_once_and_always(begin: Begin, answers: Answers) -> None:
    job = begin(GREEDY, memory="256MB")
    job.wait_for_all()
    job.let_go(1)
    job.wait_until_committed(1)
    job.let_go("all")
    run = job.end()

    check_failed(job, run, "chunk 2 failed 3 times", "ran out of memory", "-e memory=")
    job.said["memory"] = "700MB"
    again = job.again()
    check_done(job, again, answers(GREEDY))
    first, *others = (attempt for attempt in again.report["attempts"] if attempt["chunk"] == 1)
    assert (first["status"], first["exit"], first["counts"]) == ("lost", 137, False)
    assert [attempt["counts"] for attempt in others] == [True]


def test_what_collects_takes_no_more_than_the_manager_has(lab: Lab, begin: Begin, answers: Answers) -> None:
    job = begin(GREEDY_AT_THE_END)
    run = job.end()

    check_failed(job, run, f"{lab.manager.name} killed the process that collects", "ran out of memory")
    # The board itself survived: its daemon is the same one.
    job.let_go("end")
    check_done(job, job.again(), answers(GREEDY_AT_THE_END))

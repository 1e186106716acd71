"""Attempts that need more memory than their limit."""

from __future__ import annotations

from tests.lab.faults.blocking_processors import GREEDY, GREEDY_AT_THE_END
from tests.lab.faults.conftest import LocalResult, StartJob
from tests.lab.faults.invariants import check_done, check_failed
from tests.lab.kit.lab import Lab


def test_out_of_memory_once_and_always(start_job: StartJob, local_result: LocalResult) -> None:
    job = start_job(GREEDY, memory="256MB")
    job.wait_for_all()
    job.release(1)
    job.wait_until_committed(1)
    job.release("all")
    run = job.end()

    check_failed(job, run, "chunk 2 failed 3 times", "ran out of memory", "-e memory=")
    job.variables["memory"] = "700MB"
    rerun = job.rerun()
    check_done(job, rerun, local_result(GREEDY))
    first, *others = (attempt for attempt in rerun.report["attempts"] if attempt["chunk"] == 1)
    assert (first["status"], first["exit"], first["counts"]) == ("lost", 137, False)
    assert [attempt["counts"] for attempt in others] == [True]


def test_collection_stays_within_the_memory_of_the_manager(
    lab: Lab, start_job: StartJob, local_result: LocalResult
) -> None:
    job = start_job(GREEDY_AT_THE_END)
    run = job.end()

    check_failed(job, run, f"{lab.manager.name} killed the process that collects", "ran out of memory")
    # The board itself survived: its daemon is the same one.
    job.release("end")
    check_done(job, job.rerun(), local_result(GREEDY_AT_THE_END))

"""Boards lose power while they work."""

from __future__ import annotations

from tests.lab.faults import strace
from tests.lab.faults.conftest import LocalResult, StartJob
from tests.lab.faults.invariants import check_done, check_untouched
from tests.lab.kit.lab import Lab
from tests.lab.kit.polling import wait_until


def test_worker_never_returns(lab: Lab, start_job: StartJob, local_result: LocalResult) -> None:
    job = start_job()
    attempts = job.wait_for_all()
    lost = next(one for one in attempts if one.board in lab.workers)

    lost.board.cut_power()
    job.release("all")
    run = job.end()

    check_done(job, run, local_result())
    assert {attempt["attempt"] for attempt in run.counted_attempts}.isdisjoint({lost.attempt})
    assert lost.board.name not in {
        attempt["board"] for attempt in run.counted_attempts if attempt["chunk"] == lost.chunk
    }


def test_worker_returns_while_its_replacement_runs(lab: Lab, start_job: StartJob, local_result: LocalResult) -> None:
    job = start_job()
    attempts = job.wait_for_all()
    lost = next(one for one in attempts if one.board in lab.workers)

    lost.board.cut_power()
    job.release(*(one.chunk for one in attempts if one != lost))
    retry = job.wait_for(lost.chunk, besides=[lost])
    lost.board.power_on()
    wait_until(f"{lost.board.name} is back", lambda: lab.node(lost.board) == "Ready Active", 400)
    job.release("all")
    run = job.end()

    assert retry.board != lost.board
    results = check_done(job, run, local_result())
    assert [attempt["attempt"] for attempt in run.counted_attempts if attempt["chunk"] == lost.chunk] == [retry.attempt]
    check_untouched(job, results)


def test_manager_and_share_fail_while_a_partial_is_written(
    lab: Lab, start_job: StartJob, local_result: LocalResult
) -> None:
    """The manager and the server of the share are one board here, so both lose power together."""
    strace.install(lab)
    job = start_job()
    attempts = job.wait_for_all()
    writing = next(one for one in attempts if one.board in lab.workers)
    partial = f"{writing.chunk:06d}-{writing.attempt}.partial.csv"

    # Written, but not yet on the server's disk: the fsync is delayed until after the cut.
    strace.at_call(writing, "fsync", strace.OF_PARTIAL, "delay_enter=15000000")
    job.release(writing.chunk)
    job.wait_until("a partial is being written", lambda: partial in job.files("attempts"))
    assert not job.committed
    lab.server.cut_power()
    job.wait_until("the outage is reported", lambda: f"{lab.server.name} has not answered for " in job.output)
    lab.server.power_on()
    wait_until("the server is back", lambda: lab.server.succeeds("docker info && systemctl is-active nfs-server"), 400)
    job.release("all")
    run = job.end()

    results = check_done(job, run, local_result())
    check_untouched(job, results)

"""The Docker daemon is killed on a worker, then on the manager."""

from __future__ import annotations

from functools import partial

from tests.lab.faults.conftest import LocalResult, StartJob
from tests.lab.faults.invariants import check_done
from tests.lab.kit.lab import Lab
from tests.lab.kit.polling import wait_until


def test_killed_daemons(lab: Lab, start_job: StartJob, local_result: LocalResult) -> None:
    job = start_job()
    attempts = job.wait_for_all()
    lost = [next(one for one in attempts if one.board in lab.workers)]
    lost.append(next(one for one in attempts if one.board == lab.manager))

    for one in lost:
        one.board.sh("kill -9 $(pidof dockerd)")
        wait_until(f"Docker is back on {one.board.name}", partial(one.board.succeeds, "docker info"))
        job.wait_for(one.chunk, besides=attempts)
    job.release("all")
    run = job.end()

    check_done(job, run, local_result())
    assert {attempt["attempt"] for attempt in run.counted_attempts}.isdisjoint({one.attempt for one in lost})

"""A worker is cut off, keeps computing, and reconnects when its replacement has finished."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.faults.conftest import LocalResult, StartJob
from tests.lab.faults.invariants import check_done, check_nothing_left, check_untouched, read_job_files
from tests.lab.kit.lab import Lab
from tests.lab.kit.polling import wait_until


@pytest.mark.parametrize("moment", ["while the job runs", "when the job is done"])
def test_second_commit_of_a_chunk(lab: Lab, start_job: StartJob, local_result: LocalResult, moment: str) -> None:
    expected = local_result()
    job = start_job()
    attempts = job.wait_for_all()
    late = next(one for one in attempts if one.board in lab.workers)
    other, last = (one for one in attempts if one != late)

    def finish() -> dict[str, Any]:
        job.release(last.attempt)
        return check_done(job, job.end(), expected)

    late.board.disconnect()
    wait_until(f"{late.board.name} is given up", lambda: lab.node(late.board) == "Down Active")
    job.release(other.attempt)
    replacement = job.wait_for(late.chunk, besides=[late])
    job.release(replacement.attempt)
    job.wait_until_committed(late.chunk)
    assert any(late.attempt in name for name in job.files("logs"))
    results = finish() if moment == "when the job is done" else None
    # It reaches the share, but not yet the manager, which would kill it.
    late.board.reconnect_share()
    job.release(late.attempt)
    # It finds the name taken, or the data of a finished job removed. The log of a failing attempt stays.
    wait_until("the late attempt has ended well", lambda: not any(late.attempt in name for name in job.files("logs")))
    assert f"{late.chunk:06d}-{late.attempt}.partial.csv" not in job.files("attempts")
    receipt = read_job_files(job)["receipts"][f"{late.chunk:06d}-0001.json"]
    results = results or finish()

    assert receipt["attempt"] == replacement.attempt
    late.board.reconnect_swarm()
    wait_until(f"{late.board.name} is back", lambda: lab.node(late.board) == "Ready Active")
    # Its containers are removed now.
    check_nothing_left(job)
    check_untouched(job, results)

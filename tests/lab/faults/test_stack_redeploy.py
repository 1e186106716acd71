"""The driver of a job is replaced while its chunks run."""

from __future__ import annotations

from tests.lab.faults.conftest import LocalResult, StartJob
from tests.lab.faults.invariants import check_done, check_untouched
from tests.lab.kit.lab import Lab
from tests.lab.kit.polling import wait_until


def test_another_driver_adopts_what_runs(lab: Lab, start_job: StartJob, local_result: LocalResult) -> None:
    job = start_job(chunks=4)
    first, second, third = job.wait_for_all()
    job.release(first.chunk)
    job.wait_until_committed(first.chunk)
    fourth = job.wait_for(besides=[first, second, third])
    driver = f"csvswarm-{job.name}_driver"
    running = f"docker service ps --filter desired-state=running --format '{{{{.ID}}}} {{{{.CurrentState}}}}' {driver}"
    before = lab.manager.sh(running).split()[0]

    lab.manager.sh(f"docker service update --force --detach --quiet {driver}")
    wait_until(
        "another driver runs",
        lambda: (found := lab.manager.sh(running).split())[:1] != [before] and "Running" in found,
    )
    job.release("all")
    run = job.end()

    results = check_done(job, run, local_result())
    # It restarted nothing: blocked attempts continued, and finished chunks did not rerun.
    assert {attempt["attempt"] for attempt in run.report["attempts"]} == {
        one.attempt for one in (first, second, third, fourth)
    }
    check_untouched(job, results)

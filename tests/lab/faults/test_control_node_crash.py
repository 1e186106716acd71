"""ansible-playbook is killed at each stage and rerun, or never rerun."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

from tests.lab.faults.conftest import LocalResult
from tests.lab.faults.invariants import check_done, read_job_files
from tests.lab.faults.running_job import RunningJob
from tests.lab.kit.control_node import SAMPLE, ControlNode
from tests.lab.kit.lab import Lab


def test_killed_at_each_stage(lab: Lab, prepare: Callable[..., RunningJob], local_result: LocalResult) -> None:
    job = prepare()
    # A file that is not on the share yet must be sent; a board without the image must load it.
    source = job.control_node.place / "mine.csv"
    source.write_text(SAMPLE.read_text().replace("N14228", uuid.uuid4().hex[:6]))
    job.variables["input"] = "mine.csv"
    lab.workers[0].sh("docker images --quiet csvswarm-job | sort -u | xargs -r docker image rm --force")

    for stage in ("Send the input", "Load the image", "Deploy and watch the job", "Watch the job"):
        job.start()
        job.wait_for_task(stage)
        job.kill()
    job.start()
    first, *_ = job.wait_for_all()
    job.release(first.chunk)
    job.wait_until_committed(first.chunk)
    job.kill()
    kept = read_job_files(job)["receipts"]
    job.start()
    job.release("all")
    job.wait_for_task("Fetch the result")
    job.kill()
    run = job.rerun()

    check_done(job, run, local_result(input=str(source)))
    assert kept.items() <= read_job_files(job)["receipts"].items()


def test_control_node_never_returns(
    prepare: Callable[..., RunningJob], local_result: LocalResult, tmp_path: Path
) -> None:
    """Nothing is rerun until the job is done; then its result is fetched from another directory."""
    job = prepare()
    job.start()
    job.wait_for_all()
    job.kill()

    job.release("all")
    job.wait_for_stage("done")
    elsewhere = ControlNode(tmp_path / "elsewhere")
    elsewhere.place.mkdir()
    run = elsewhere.manage("fetch", job.name)

    check_done(job, run, local_result())

"""ansible-playbook is killed at each stage and rerun, or never rerun."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

from tests.lab.faults.conftest import Answers
from tests.lab.faults.invariants import check_done, look
from tests.lab.faults.running_job import Running
from tests.lab.kit.control_node import SAMPLE, Desk
from tests.lab.kit.lab import Lab


def test_killed_at_each_stage(lab: Lab, prepare: Callable[..., Running], answers: Answers) -> None:
    job = prepare()
    # A file that is not on the share yet has to be sent; without its image a board has to load it.
    source = job.desk.place / "mine.csv"
    source.write_text(SAMPLE.read_text().replace("N14228", uuid.uuid4().hex[:6]))
    job.said["input"] = "mine.csv"
    lab.workers[0].sh("docker images --quiet csvswarm-job | sort -u | xargs -r docker image rm --force")

    for stage in ("Send the input", "Load the image", "Deploy and watch the job", "Watch the job"):
        job.begin()
        job.reach(stage)
        job.kill()
    job.begin()
    first, *_ = job.wait_for_all()
    job.let_go(first.chunk)
    job.wait_until_committed(first.chunk)
    job.kill()
    kept = look(job)["receipts"]
    job.begin()
    job.let_go("all")
    job.reach("Fetch the result")
    job.kill()
    run = job.again()

    check_done(job, run, answers(input=str(source)))
    assert kept.items() <= look(job)["receipts"].items()


def test_a_control_node_that_is_gone_for_good(
    prepare: Callable[..., Running], answers: Answers, tmp_path: Path
) -> None:
    """Nothing is rerun until the job is done; then its result is fetched from another directory."""
    job = prepare()
    job.begin()
    job.wait_for_all()
    job.kill()

    job.let_go("all")
    job.wait_for_stage("done")
    elsewhere = Desk(tmp_path / "elsewhere")
    elsewhere.place.mkdir()
    run = elsewhere.manage("fetch", job.name)

    check_done(job, run, answers())

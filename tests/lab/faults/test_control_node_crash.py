"""ansible-playbook is killed at each stage, and the job resumed."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from tests.lab.faults.conftest import Answers
from tests.lab.faults.invariants import check_done, look
from tests.lab.faults.running_job import Running
from tests.lab.kit.control_node import SAMPLE
from tests.lab.kit.lab import Lab


def test_killed_at_each_stage(lab: Lab, prepare: Callable[..., Running], answers: Answers) -> None:
    job = prepare()
    # A file that is not on the share yet has to be sent; without its image a board has to load it.
    source = job.desk.place / "mine.csv"
    source.write_text(SAMPLE.read_text().replace("N14228", uuid.uuid4().hex[:6]))
    job.said["input"] = "mine.csv"
    lab.workers[0].sh("docker images --quiet csvswarm-job | sort -u | xargs -r docker image rm --force")

    for stage in ("Send the input", "Have the image", "Split the input", "Start a container"):
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
    for stage in ("Collect the partial results", "Fetch the result"):
        job.reach(stage)
        job.kill()
        job.begin()
    run = job.end()

    check_done(job, run, answers(input=str(source)))
    assert kept.items() <= look(job)["receipts"].items()

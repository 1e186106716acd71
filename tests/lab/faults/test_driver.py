"""The driver's board loses its power at each stage; two drivers of one job; two requests for one job."""

from __future__ import annotations

import json

import pytest

from tests.lab.faults.blocking_processors import BLOCKING_ENDS
from tests.lab.faults.conftest import Answers, Begin
from tests.lab.faults.invariants import check_done, look
from tests.lab.kit.lab import Lab
from tests.lab.kit.polling import until


def cut_and_boot(lab: Lab) -> None:
    """Pull the plug of the manager, which is the server of the share as well, and let it boot."""
    lab.manager.cut_power()
    lab.manager.plug_in()
    until("the manager is back", lambda: lab.manager.holds("docker info && systemctl is-active nfs-server"), 400)


@pytest.mark.parametrize("stage", ["splitting", "processing", "collecting"])
def test_the_board_of_the_driver_loses_its_power(lab: Lab, begin: Begin, answers: Answers, stage: str) -> None:
    expected = answers(BLOCKING_ENDS)
    # Split and collect wait for the test, as the attempts do: the processor is imported by the one, and its combine
    # called by the other.
    job = begin(BLOCKING_ENDS)
    kept = {}
    if stage == "splitting":
        job.until("the split waits", lambda: "waits-split" in job.files())
        cut_and_boot(lab)
        job.let_go("split", "all", "collect")
    elif stage == "processing":
        job.let_go("split", "collect")
        first, *_ = job.wait_for_all()
        job.let_go(first.chunk)
        job.wait_until_committed(first.chunk)
        kept = look(job)["receipts"]
        cut_and_boot(lab)
        job.let_go("all")
    else:
        job.let_go("split", "all")
        job.until("the collection waits", lambda: "waits-collect" in job.files())
        kept = look(job)["receipts"]
        cut_and_boot(lab)
        job.let_go("collect")
    run = job.end()

    check_done(job, run, expected)
    assert kept.items() <= look(job)["receipts"].items()


def test_two_drivers_of_one_job(lab: Lab, begin: Begin, answers: Answers) -> None:
    """As after a partition of the managers: a second driver waits, and takes nothing from the first."""
    job = begin()
    attempts = job.wait_for_all()
    service = f"csvswarm-{job.name}_driver"
    spec = json.loads(lab.manager.sh(f"docker service inspect {service}"))[0]["Spec"]
    spec["Name"] = f"{service}-2"
    lab.manager.sh(
        "curl --silent --fail --unix-socket /run/docker.sock --header 'Content-Type: application/json' "
        f"--data @- http://localhost/services/create <<'END'\n{json.dumps(spec)}\nEND"
    )
    state = f"docker service ps --format '{{{{.CurrentState}}}}' {service}-2"
    until("the second driver runs", lambda: lab.manager.sh(state).startswith("Running"))
    job.let_go("all")
    run = job.end()

    check_done(job, run, answers())
    assert {attempt["attempt"] for attempt in run.report["attempts"]} == {one.attempt for one in attempts}


def test_a_running_job_is_watched_or_refused(lab: Lab, begin: Begin, answers: Answers) -> None:
    job = begin()
    attempts = job.wait_for_all()
    job.kill()
    services = lab.left(job.name)
    asked = dict(job.said)

    job.said["processor"] = "transform"
    refused = job.again()
    job.said = asked
    job.begin()
    job.until("the run attaches", lambda: f"Job {job.name} is deployed already" in job.output)
    job.let_go("all")
    run = job.end()

    assert refused.code
    assert f"job {job.name} runs on the boards already (driver on {lab.manager.name} since " in refused.message
    assert "processor" in refused.message.partition("with another request: ")[2].partition(" differ")[0]
    assert services
    check_done(job, run, answers())
    # Neither run has touched what ran.
    assert {attempt["attempt"] for attempt in run.report["attempts"]} == {one.attempt for one in attempts}

"""The driver's board loses power at each stage; two drivers of one job; two requests for one job."""

from __future__ import annotations

import json

import pytest

from tests.lab.faults.blocking_processors import BLOCKING_ENDS
from tests.lab.faults.conftest import LocalResult, StartJob
from tests.lab.faults.invariants import check_done, read_job_files
from tests.lab.kit.lab import Lab
from tests.lab.kit.polling import wait_until

#: Boards have no curl.
CREATE_SERVICE = """
import http.client, socket, sys
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect("/run/docker.sock")
connection.request("POST", "/services/create", sys.stdin.read(), {"Content-Type": "application/json"})
answer = connection.getresponse()
sys.exit(answer.status != 201 and answer.read().decode())
"""


def cut_and_boot(lab: Lab) -> None:
    """Cut the power of the manager, which is also the server of the share, and boot it."""
    lab.manager.cut_power()
    lab.manager.power_on()
    wait_until(
        "the manager is back", lambda: lab.manager.succeeds("docker info && systemctl is-active nfs-server"), 400
    )


@pytest.mark.parametrize("stage", ["splitting", "processing", "collecting"])
def test_board_of_the_driver_loses_power(lab: Lab, start_job: StartJob, local_result: LocalResult, stage: str) -> None:
    expected = local_result(BLOCKING_ENDS)
    # Split and collect wait for the test, as the attempts do: the processor is imported by the one, and its combine
    # called by the other.
    job = start_job(BLOCKING_ENDS)
    kept = {}
    if stage == "splitting":
        job.wait_until("the split waits", lambda: "waits-split" in job.files())
        cut_and_boot(lab)
        job.release("split", "all", "collect")
    elif stage == "processing":
        job.release("split", "collect")
        first, *_ = job.wait_for_all()
        job.release(first.chunk)
        job.wait_until_committed(first.chunk)
        kept = read_job_files(job)["receipts"]
        cut_and_boot(lab)
        job.release("all")
    else:
        job.release("split", "all")
        job.wait_until("the collection waits", lambda: "waits-collect" in job.files())
        kept = read_job_files(job)["receipts"]
        cut_and_boot(lab)
        job.release("collect")
    run = job.end()

    check_done(job, run, expected)
    assert kept.items() <= read_job_files(job)["receipts"].items()


def test_two_drivers_of_one_job(lab: Lab, start_job: StartJob, local_result: LocalResult) -> None:
    """As after a partition of the managers: a second driver waits, and does not disturb the first."""
    job = start_job()
    attempts = job.wait_for_all()
    service = f"csvswarm-{job.name}_driver"
    spec = json.loads(lab.manager.sh(f"docker service inspect {service}"))[0]["Spec"]
    spec["Name"] = f"{service}-2"
    lab.manager.sh(f"python3 -c '{CREATE_SERVICE}' <<'END'\n{json.dumps(spec)}\nEND")
    state = f"docker service ps --format '{{{{.CurrentState}}}}' {service}-2"
    wait_until("the second driver runs", lambda: lab.manager.sh(state).startswith("Running"))
    job.release("all")
    run = job.end()

    check_done(job, run, local_result())
    assert {attempt["attempt"] for attempt in run.report["attempts"]} == {one.attempt for one in attempts}


def test_running_job_is_watched_or_refused(lab: Lab, start_job: StartJob, local_result: LocalResult) -> None:
    job = start_job()
    attempts = job.wait_for_all()
    job.kill()
    services = lab.leftovers(job.name)
    variables = dict(job.variables)

    job.variables["processor"] = "transform"
    refused = job.rerun()
    job.variables = variables
    job.start()
    job.wait_until("the run attaches", lambda: f"Job {job.name} is already deployed" in job.output)
    job.release("all")
    run = job.end()

    assert refused.code
    assert f"job {job.name} already runs on the boards (driver on {lab.manager.name} since " in refused.message
    assert "processor" in refused.message.partition("with another request: ")[2].partition(" differ")[0]
    assert services
    check_done(job, run, local_result())
    # Neither run has disturbed the running job.
    assert {attempt["attempt"] for attempt in run.report["attempts"]} == {one.attempt for one in attempts}

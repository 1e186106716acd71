"""Three managers: the board of a job's driver loses power, and a driver on another one finishes the job."""

from __future__ import annotations

import uuid
from typing import Any

from tests.lab.faults.blocking_processors import BLOCKING
from tests.lab.faults.running_job import RunningJob
from tests.lab.kit.control_node import ControlNode
from tests.lab.kit.lab import Lab
from tests.lab.kit.polling import wait_until


def test_another_manager_continues_the_job(control_node: ControlNode, reachable_lab: Lab) -> None:
    (control_node.place / "mine.py").write_text(BLOCKING)
    variables: dict[str, Any] = {"processor": "./mine.py", "chunks": 3}
    job = RunningJob(reachable_lab, control_node, f"failover-{uuid.uuid4().hex[:8]}", variables)
    job.start()
    attempts = job.wait_for_all()
    # Not on the server of the share, without which all boards wait.
    manager = reachable_lab.server
    driver = f"csvswarm-{job.name}_driver"
    elsewhere = f"node.hostname!={manager.name}"
    manager.sh(f"docker service update --detach --quiet --constraint-add '{elsewhere}' {driver}")
    job.wait_until("the driver runs elsewhere", lambda: job.status.get("board") not in (None, manager.name))
    lost = job.driver

    lost.cut_power()
    try:
        job.wait_until("another manager drives the job", lambda: job.status.get("board") not in (None, lost.name))
        job.release("all")
        run = job.end()
    finally:
        lost.power_on()

    assert run.files == control_node.run("local", **variables).files
    # Attempts on other boards were not restarted, and no result was lost.
    kept = {one.attempt for one in attempts if one.board != lost}
    assert kept <= {attempt["attempt"] for attempt in run.counted_attempts}
    wait_until(f"{lost.name} is back", lambda: lost.succeeds("docker info"), 400)

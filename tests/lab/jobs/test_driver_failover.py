"""Three managers: the board of a job's driver loses its power, and another one drives the job to its end."""

from __future__ import annotations

import uuid
from typing import Any

from tests.lab.faults.blocking_processors import HELD
from tests.lab.faults.running_job import Running
from tests.lab.kit.control_node import Desk
from tests.lab.kit.lab import Lab
from tests.lab.kit.polling import until


def test_another_manager_drives_the_job_on(desk: Desk, reached: Lab) -> None:
    (desk.place / "mine.py").write_text(HELD)
    said: dict[str, Any] = {"processor": "./mine.py", "chunks": 3}
    job = Running(reached, desk, f"failover-{uuid.uuid4().hex[:8]}", said)
    job.begin()
    attempts = job.wait_for_all()
    # Not on the server of the share, without which all boards wait.
    manager = reached.server
    driver = f"csvswarm-{job.name}_driver"
    elsewhere = f"node.hostname!={manager.name}"
    manager.sh(f"docker service update --detach --quiet --constraint-add '{elsewhere}' {driver}")
    job.until("the driver runs elsewhere", lambda: job.status.get("board") not in (None, manager.name))
    lost = job.driver

    lost.cut_power()
    try:
        job.until("another manager drives the job", lambda: job.status.get("board") not in (None, lost.name))
        job.let_go("all")
        run = job.end()
    finally:
        lost.plug_in()

    assert run.files == desk.run("local", **said).files
    # What ran on other boards was neither restarted nor lost.
    kept = {one.attempt for one in attempts if one.board != lost}
    assert kept <= {attempt["attempt"] for attempt in run.counting}
    until(f"{lost.name} is back", lambda: lost.holds("docker info"), 400)

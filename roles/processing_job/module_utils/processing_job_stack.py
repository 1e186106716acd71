"""The services that Swarm runs for a job, as a manager reports them: everything with the job's label."""

from __future__ import annotations

import base64
import json
from typing import Any

from ansible.module_utils.processing_job_engine import Engine
from ansible.module_utils.processing_job_text import printable_line

LABEL = "csvswarm.job"
#: States of a Swarm task after which it does not run.
ENDED = ("complete", "failed", "rejected", "shutdown", "orphaned", "remove")


def services(engine: Engine, job: str) -> list[dict[str, Any]]:
    """Return the services of a job."""
    found: list[dict[str, Any]] = engine.get("/services", label=[f"{LABEL}={job}"])
    return found


def request(engine: Engine, stack: str) -> dict[str, Any]:
    """Return the request that a job was deployed with; an empty one if it is missing or unreadable."""
    name = f"{stack}_request"
    for config in engine.get("/configs", name=[name]):
        if config["Spec"]["Name"] == name:
            try:
                found = json.loads(base64.b64decode(config["Spec"].get("Data", "")))
            except ValueError:
                return {}
            return found if isinstance(found, dict) else {}
    return {}


def driver(engine: Engine, stack: str, boards: dict[str, str]) -> dict[str, Any]:
    """Return Swarm's view of a job's driver: its newest task's state, board, message and start.

    boards: names by node id. ended: whether it has ended with exit code 0; after any other end it is restarted.
    """
    tasks = engine.get("/tasks", service=[f"{stack}_driver"])
    if not tasks:
        return {"state": "new", "board": "", "message": "", "since": "", "ended": False}
    newest = max(tasks, key=lambda task: str(task["CreatedAt"]))
    status = newest["Status"]
    failed = [task["Status"].get("Err", "") for task in tasks if task["Status"]["State"] in ("failed", "rejected")]
    message = status.get("Err") or (failed[-1] if failed and status["State"] not in ("running", "complete") else "")
    return {
        "state": status["State"],
        "board": boards.get(newest.get("NodeID", ""), ""),
        "message": printable_line(message),
        "since": newest["CreatedAt"],
        "ended": any(task["Status"]["State"] == "complete" for task in tasks),
    }


def stack_info(engine: Engine, job: str, stack: str, nodes: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the services, the request and the driver of a job; None if Swarm runs nothing for it."""
    found = services(engine, job)
    ids = {service["Spec"]["Name"]: service["ID"] for service in found}
    if f"{stack}_driver" not in ids:
        return None
    boards = {node["ID"]: node.get("Description", {}).get("Hostname", "") for node in nodes}
    about = driver(engine, stack, boards) | {"id": ids[f"{stack}_driver"]}
    return {"services": sorted(ids), "request": request(engine, stack), "driver": about}

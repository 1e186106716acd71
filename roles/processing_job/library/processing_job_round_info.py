"""Look at a round of a job from a manager: which chunks have a receipt, and what Swarm says of the rest."""

from __future__ import annotations

import calendar
import http.client
import json
import socket
import time
import urllib.parse
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.processing_job_files import Damaged, acting_as, folder
from ansible.module_utils.processing_job_round import read_logs, read_receipts, read_round
from ansible.module_utils.processing_job_text import printable_line

DOCUMENTATION = """
module: processing_job_round_info
short_description: Look at a round of a csvswarm job
description:
  - Reads the receipts in the job directory as the owner of the share, and Swarm's task list from the local engine.
  - Returns when every chunk has a receipt, when one has failed or stopped, or after O(wait) seconds. Changes nothing.
options:
  job:
    description: The job's directory on the share.
    type: str
    required: true
  owner:
    description: User id of the owner of the share.
    type: int
    required: true
  services:
    description:
      - Names of the Swarm services, by the number of the round that each runs.
      - The lowest number is the round that is looked at; the others run second attempts at some of its chunks.
    type: dict
    required: true
  known:
    description: Chunks whose receipts were told already.
    type: list
    elements: int
    default: []
  wait:
    description: How many seconds to look for before what is new is told.
    type: float
    default: 5
author: csvswarm
"""
EXAMPLES = """
- name: Look at the first round
  processing_job_round_info:
    job: /srv/csvswarm/jobs/demo
    owner: 8765
    services: {1: csvswarm-demo-1_chunks}
"""
RETURN = """
receipts:
  description: Receipts that were not known, with chunk, status, rows and board.
  returned: success
  type: list
total:
  description: How many chunks the round has.
  returned: success
  type: int
tasks:
  description: Every task of the services, with round, chunk, attempt, board, state, reason, exit code and times.
  returned: success
  type: list
slots:
  description: Chunks without a receipt by what Swarm does with them - running, waiting or stopped.
  returned: success
  type: dict
takers:
  description: The boards that take a task, by name.
  returned: success
  type: list
logs:
  description: The newest log of every stopped chunk that has one, with chunk, path and its last line.
  returned: success
  type: list
damage:
  description: What is wrong with the job's files. Nothing else is returned then.
  returned: when the processor or something else has changed them
  type: str
"""

PAUSE = 1.0
#: States of a Swarm task that is on its way to a container, or in one.
STARTING = ("assigned", "accepted", "preparing", "ready", "starting", "running")
WAITING = ("new", "allocated", "pending")


class Engine:
    """The local engine's API, over one connection that is opened before the rights to open it are given up.

    Asked without a version, every engine answers in its newest, and what is read here has been the same in all of them.
    """

    def __init__(self, path: str = "/run/docker.sock") -> None:
        self._connection = http.client.HTTPConnection("localhost", timeout=30)
        self._connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.sock.settimeout(30)
        self._connection.sock.connect(path)

    def get(self, path: str, **filters: list[str]) -> list[dict[str, Any]]:
        """Return the list at `path`. Raises OSError with the engine's own words."""
        query = urllib.parse.urlencode({"filters": json.dumps(filters)})
        self._connection.request("GET", f"{path}?{query}")
        answer = self._connection.getresponse()
        body = json.loads(answer.read())
        if answer.status != http.client.OK:
            raise OSError(f"the engine says: {body.get('message', body)}")
        found: list[dict[str, Any]] = body
        return found


def told(task: dict[str, Any], boards: dict[str, str], number: int, chunks: list[int]) -> dict[str, Any]:
    """Return what matters of one of Swarm's tasks. Times are seconds since 1970, by the clock of who wrote them."""
    status = task["Status"]
    container = status.get("ContainerStatus") or {}
    ended = status["State"] not in (*STARTING, *WAITING)
    return {
        "round": number,
        "chunk": chunks[task["Slot"] - 1],
        "attempt": task["ID"],
        "board": boards.get(task.get("NodeID", ""), ""),
        "state": status["State"],
        "message": printable_line(status.get("Err") or status.get("Message", "")),
        "exit": container.get("ExitCode") if ended and container.get("ContainerID") else None,
        "started": seconds(task["CreatedAt"]),
        "ended": seconds(status["Timestamp"]) if ended else None,
    }


def seconds(stamp: str) -> float:
    """Return the time that the engine writes like 2026-01-31T10:15:00.123456789Z."""
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")


def takes(node: dict[str, Any]) -> bool:
    """Tell whether Swarm would give a node a task."""
    return bool(node["Status"]["State"] == "ready" and node["Spec"]["Availability"] == "active")


def slots(tasks: list[dict[str, Any]], open_chunks: set[int]) -> dict[str, list[int]]:
    """Return the chunks without a receipt by what Swarm does with them: running, waiting or stopped.

    What counts is the newest task of each service, and of a chunk that two of them have, what promises more. A stopped
    one may have its next task in a moment, and a receipt may be on its way: only time tells.
    """
    newest: dict[tuple[int, int], dict[str, Any]] = {}
    for task in sorted(tasks, key=lambda one: one["started"]):
        newest[task["chunk"], task["round"]] = task
    states: dict[int, set[str]] = {}
    for (chunk, _), task in newest.items():
        state = task["state"]
        states.setdefault(chunk, set()).add(
            "running" if state in STARTING else "waiting" if state in WAITING else "stopped"
        )
    found: dict[str, list[int]] = {"running": [], "waiting": [], "stopped": []}
    for chunk in sorted(open_chunks):
        of_chunk = states.get(chunk, {"waiting"})
        found[next(state for state in found if state in of_chunk)].append(chunk)
    return found


def look(engine: Engine, job: Path, services: dict[int, str], known: list[int], wait: float) -> dict[str, Any]:
    """Return the module's answer: at once where that changes how the round goes on, else after `wait` seconds.

    For a module to be called once more costs a small board more than all it does.
    """
    with folder(str(job)) as at:
        return look_in(engine, job, at, services, known, wait)


def look_in(
    engine: Engine, job: Path, at: int, services: dict[int, str], known: list[int], wait: float
) -> dict[str, Any]:
    """Look at the job whose directory is open as `at`. Raises Damaged and OSError."""
    rounds = {number: read_round(at, number) for number in sorted(services)}
    generation, chunks = rounds[min(rounds)]
    until = time.monotonic() + wait
    nodes = engine.get("/nodes")
    boards = {node["ID"]: node.get("Description", {}).get("Hostname", "") for node in nodes}
    takers = sorted(boards[node["ID"]] for node in nodes if takes(node))
    while True:
        # The tasks first: a slot that has stopped has written its receipt before.
        tasks = [
            told(task, boards, number, rounds[number][1])
            for number, service in services.items()
            for task in engine.get("/tasks", service=[service])
        ]
        receipts = read_receipts(at, generation, chunks, set(known))
        left = set(chunks) - set(known) - {receipt["chunk"] for receipt in receipts}
        found = slots(tasks, left)
        failed = any(receipt["status"] == "error" for receipt in receipts)
        if failed or found["stopped"] or not left or time.monotonic() > until:
            logs = [
                log
                for number, (_, one) in rounds.items()
                for log in read_logs(
                    job,
                    at,
                    number,
                    {slot: chunk for slot, chunk in enumerate(one, 1) if chunk in found["stopped"]},
                )
            ]
            return {
                "receipts": receipts,
                "total": len(chunks),
                "tasks": tasks,
                "slots": found,
                "logs": logs,
                "takers": takers,
            }
        time.sleep(PAUSE)


def main() -> None:
    """Run as Ansible runs a module."""
    module = AnsibleModule(
        argument_spec={
            "job": {"type": "str", "required": True},
            "owner": {"type": "int", "required": True},
            "services": {"type": "dict", "required": True},
            "known": {"type": "list", "elements": "int", "default": []},
            "wait": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    asked = module.params
    answer: dict[str, Any] = {}
    services = {int(number): str(service) for number, service in asked["services"].items()}
    try:
        engine = Engine()
        # The server of the share squashes root to nobody, who may read nothing.
        with acting_as(asked["owner"]):
            answer = look(engine, Path(asked["job"]), services, asked["known"], float(asked["wait"]))
    except Damaged as damage:
        # Not a failure: that is a manager which does not answer, and the watch waits for it.
        module.exit_json(changed=False, damage=str(damage))
    except OSError as error:
        module.fail_json(msg=f"the round cannot be looked at: {printable_line(str(error))}")
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()

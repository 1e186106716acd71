"""Deploy or remove the stack of a csvswarm job."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.processing_job_engine import Engine, EngineError
from ansible.module_utils.processing_job_stack import LABEL, stack_info
from ansible.module_utils.processing_job_text import printable_line

DOCUMENTATION = """
module: processing_job_stack
short_description: Deploy or remove the stack of a csvswarm job
description:
  - Runs on a manager, one run at a time. A job that already runs is not changed, and its request is returned.
options:
  job:
    description: The job's id.
    type: str
    required: true
  name:
    description: The name of the stack.
    type: str
    required: true
  state:
    description:
      - C(present) deploys the stack unless the job has one. C(absent) removes everything that runs for the job.
    type: str
    choices: [present, absent]
    default: present
  compose:
    description: The stack file. It reads the request from C(request.json) beside it.
    type: str
  request:
    description: The request of the job's driver, as JSON.
    type: str
  replace:
    description: Whether to first remove the leftovers of an earlier run of the job, whose driver has ended.
    type: bool
    default: false
  node_labels:
    description: Labels by node id, set before the stack is deployed.
    type: dict
    default: {}
  lock:
    description: A file that runs on this board lock, one at a time.
    type: str
    default: /run/csvswarm-stack.lock
author: csvswarm
"""
EXAMPLES = """
- name: Remove the stack of a job
  processing_job_stack:
    job: demo
    name: csvswarm-demo
    state: absent
"""
RETURN = """
stack:
  description: The job's stack, as the module processing_job_swarm_info reports it; null when it was removed.
  returned: success
  type: dict
"""

#: Seconds in which everything of a job must disappear. Swarm keeps a network until its last task has ended.
LIMIT = 60.0
PAUSE = 0.2


class StackError(Exception):
    """A message for the user."""


def left(engine: Engine, job: str) -> list[tuple[str, str]]:
    """Return kind and id of everything with a job's label, in order of removal."""
    label = [f"{LABEL}={job}"]
    return [
        *(("services", one["ID"]) for one in engine.get("/services", label=label)),
        *(("configs", one["ID"]) for one in engine.get("/configs", label=label)),
        *(("networks", one["Id"]) for one in engine.get("/networks", label=label)),
    ]


def remove(engine: Engine, job: str) -> bool:
    """Remove everything of a job. Returns whether there was anything. Raises StackError if something remains."""
    until = time.monotonic() + LIMIT
    removed = False
    while found := left(engine, job):
        removed = True
        refused = None
        for kind, name in found:
            try:
                engine.delete(f"/{kind}/{name}")
            except EngineError as error:
                refused = error
        if refused is None:
            continue
        if time.monotonic() > until:
            raise StackError(f"parts of job {job} still exist after a minute: {refused}")
        time.sleep(PAUSE)
    return removed


def label_nodes(engine: Engine, labels: dict[str, dict[str, str]]) -> None:
    """Set labels of nodes, by node id. A node that changes at the same time is skipped until the next job."""
    for node_id, wanted in labels.items():
        with suppress(EngineError):
            node = engine.get(f"/nodes/{node_id}")
            spec = node["Spec"] | {"Labels": {**(node["Spec"].get("Labels") or {}), **wanted}}
            engine.post(f"/nodes/{node_id}/update?version={node['Version']['Index']}", spec)


def deploy(name: str, compose: str, request: str) -> None:
    """Deploy a stack. Raises StackError with Docker's own message."""
    with tempfile.TemporaryDirectory(prefix="csvswarm-", dir="/run") as place:
        (Path(place) / "request.json").write_text(request)
        (Path(place) / "stack.yml").write_text(compose)
        command = ["docker", "stack", "deploy", "--resolve-image", "never", "--compose-file", "stack.yml", name]
        done = subprocess.run(command, cwd=place, check=False, capture_output=True, text=True)
    if done.returncode:
        raise StackError(f"the job cannot be deployed: {done.stderr.strip() or done.stdout.strip()}")


def ensure(engine: Engine, params: dict[str, Any], *, check: bool) -> dict[str, Any]:
    """Create or remove the stack, and return the module's answer. Raises StackError and OSError."""
    job, name = params["job"], params["name"]
    if params["state"] == "absent":
        return {"stack": None, "changed": bool(left(engine, job)) if check else remove(engine, job)}
    nodes = engine.get("/nodes")
    found = stack_info(engine, job, name, nodes)
    if found and not (params["replace"] and found["driver"]["ended"]):
        return {"stack": found, "changed": False}
    if check:
        return {"stack": None, "changed": True}
    remove(engine, job)
    label_nodes(engine, params["node_labels"])
    deploy(name, params["compose"], params["request"])
    return {"stack": stack_info(engine, job, name, nodes), "changed": True}


def main() -> None:
    """Run as Ansible runs a module."""
    module = AnsibleModule(
        argument_spec={
            "job": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "compose": {"type": "str"},
            "request": {"type": "str"},
            "replace": {"type": "bool", "default": False},
            "node_labels": {"type": "dict", "default": {}},
            "lock": {"type": "str", "default": "/run/csvswarm-stack.lock"},
        },
        required_if=[("state", "present", ("compose", "request"))],
        supports_check_mode=True,
    )
    answer: dict[str, Any] = {}
    try:
        handle = os.open(module.params["lock"], os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "rb") as lock, Engine() as engine:
            fcntl.flock(lock, fcntl.LOCK_EX)
            answer = ensure(engine, module.params, check=module.check_mode)
    except (StackError, OSError) as error:
        module.fail_json(msg=printable_line(str(error)))
    module.exit_json(**answer)


if __name__ == "__main__":
    main()

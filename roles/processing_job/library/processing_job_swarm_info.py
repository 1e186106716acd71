"""Read everything that a csvswarm job needs to know about the swarm from a manager, in one round trip."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.processing_job_engine import Engine
from ansible.module_utils.processing_job_stack import stack_info
from ansible.module_utils.processing_job_text import printable_line

DOCUMENTATION = """
module: processing_job_swarm_info
short_description: Report the boards of the swarm and what runs for a job
description:
  - Runs on a manager. Changes nothing.
options:
  job:
    description: The job's id. Without it only the boards are reported.
    type: str
    default: ""
  stack:
    description: The name of the job's stack.
    type: str
    default: ""
author: csvswarm
"""
EXAMPLES = """
- name: Read the state of the swarm
  processing_job_swarm_info:
    job: demo
    stack: csvswarm-demo
"""
RETURN = """
nodes:
  description: The nodes, with the relevant fields of C(docker node inspect).
  returned: success
  type: list
node_id:
  description: The id of the manager's own node.
  returned: success
  type: str
images:
  description: Ids of the job images that this manager's engine has.
  returned: success
  type: list
stack:
  description: The services, the request and the driver of the job; null if Swarm runs nothing for it.
  returned: success
  type: dict
"""


def node(whole: dict[str, Any]) -> dict[str, Any]:
    """Return the relevant fields of a node."""
    description = whole.get("Description", {})
    return {
        "ID": whole["ID"],
        "Spec": {name: whole["Spec"].get(name) for name in ("Role", "Availability", "Labels")},
        "Description": {name: description.get(name) for name in ("Hostname", "Platform", "Resources")},
        "Status": {"State": whole["Status"]["State"]},
    }


def cluster_info(engine: Engine, job: str, stack: str) -> dict[str, Any]:
    """Return the module's answer. Raises OSError, also if this engine is not a manager."""
    nodes = engine.get("/nodes")
    return {
        "nodes": [node(one) for one in nodes],
        "node_id": engine.get("/info")["Swarm"]["NodeID"],
        "images": [image["Id"] for image in engine.get("/images/json", reference=["csvswarm-job"])],
        "stack": stack_info(engine, job, stack, nodes) if job else None,
    }


def main() -> None:
    """Run as Ansible runs a module."""
    module = AnsibleModule(
        argument_spec={"job": {"type": "str", "default": ""}, "stack": {"type": "str", "default": ""}},
        supports_check_mode=True,
    )
    answer: dict[str, Any] = {}
    try:
        with Engine() as engine:
            answer = cluster_info(engine, module.params["job"], module.params["stack"])
    except OSError as error:
        module.fail_json(msg=printable_line(str(error)))
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()

"""Read the status of a csvswarm job on the server of the share, when it changes or after some seconds."""

from __future__ import annotations

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.processing_job_status import FINAL, PAUSE, read_status
from ansible.module_utils.processing_job_untrusted_files import Damaged, open_directory

DOCUMENTATION = """
module: processing_job_status_info
short_description: Read the status of a csvswarm job
description:
  - Returns the status that the job's driver renews on the share. Changes nothing.
  - Waits up to O(wait) seconds for the job's end. One waiting call costs a small board less than many short ones, which
    compete with the driver for its only core.
options:
  share:
    description: The share's folder.
    type: str
    required: true
  owner:
    description: User id of the owner of the share.
    type: int
    required: true
  job:
    description: The job's id.
    type: str
    required: true
  service:
    description: Id of the driver's service. A status of another deployment of the job is ignored.
    type: str
    default: ""
  stage:
    description: The known stage, empty if the first status is wanted as soon as there is one.
    type: str
    default: ""
  wait:
    description: Seconds to wait.
    type: float
    default: 0
author: csvswarm
"""
EXAMPLES = """
- name: Read the status of a job
  processing_job_status_info:
    share: /srv/csvswarm
    owner: 8765
    job: demo
"""
RETURN = """
status:
  description: The status, with its age in seconds; empty if no driver of the job has written one.
  returned: success
  type: dict
ended:
  description: Whether the driver has ended, successfully or not.
  returned: success
  type: bool
"""


def wait_for_status(params: dict[str, Any]) -> dict[str, Any]:
    """Return the status immediately if it is the first one or the job has ended, else after `wait` seconds."""
    until = time.monotonic() + params["wait"]
    with open_directory(f"{params['share']}/results/.") as results:
        while True:
            found = read_status(params["job"], results, params["owner"]) or {}
            if params["service"] and found.get("service") != params["service"]:
                found = {}
            if (found and (not params["stage"] or found["stage"] in FINAL)) or time.monotonic() >= until:
                return found
            time.sleep(PAUSE)


def main() -> None:
    """Run as Ansible runs a module."""
    module = AnsibleModule(
        argument_spec={
            "share": {"type": "str", "required": True},
            "owner": {"type": "int", "required": True},
            "job": {"type": "str", "required": True},
            "service": {"type": "str", "default": ""},
            "stage": {"type": "str", "default": ""},
            "wait": {"type": "float", "default": 0},
        },
        supports_check_mode=True,
    )
    found: dict[str, Any] = {}
    try:
        found = wait_for_status(module.params)
    except (Damaged, OSError) as error:
        module.fail_json(msg=f"{module.params['share']}/results: {error}")
    module.exit_json(changed=False, status=found, ended=bool(found) and found["stage"] in FINAL)


if __name__ == "__main__":
    main()

"""Remove the images of csvswarm jobs that a board no longer needs."""

from __future__ import annotations

import http.client
import time
from datetime import datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.processing_job_engine import SOCKET, Engine, EngineError

DOCUMENTATION = """
module: processing_job_old_images
short_description: Remove old images of csvswarm jobs from a board
description:
  - Every version of csvswarm, and every list of packages, has an image of its own, which a board keeps after the job.
  - The image that was loaded last stays, and so does one that a container uses.
  - Stopped containers of these images are removed first. A board that lost power keeps those of jobs that ended
    meanwhile.
options:
  days:
    description: Only images that were loaded at least this many days ago are removed.
    type: float
    default: 7
  socket:
    description: The engine's socket.
    type: str
    default: /run/docker.sock
author: csvswarm
"""
EXAMPLES = """
- name: Remove old images
  processing_job_old_images:
    days: 30
"""
RETURN = """
removed:
  description: The names of the images that were removed.
  returned: success
  type: list
containers:
  description: The ids of the stopped containers that were removed.
  returned: success
  type: list
"""

DAY = 86_400
NAME = "csvswarm-job"


def loaded_at(image: dict[str, Any]) -> float:
    """Return when an image got its name, in seconds since 1970; infinity where the engine does not know."""
    text = (image.get("Metadata") or {}).get("LastTagTime") or ""
    try:
        # The engine writes nanoseconds, and the year 1 for a time that it does not know.
        return datetime.fromisoformat(text).timestamp() if not text.startswith("0001-") else float("inf")
    except ValueError:
        return float("inf")


def image_names(engine: Engine) -> list[str]:
    """Return the names of the images of csvswarm jobs. Raises OSError."""
    return sorted(
        name
        for image in engine.get("/images/json", reference=[NAME])
        for name in image.get("RepoTags") or []
        if name.partition(":")[0] == NAME
    )


def prune(engine: Engine, before: float, *, check: bool) -> list[str]:
    """Remove the images that were loaded before a time, but for the newest; return their names. Raises OSError."""
    names = image_names(engine)
    times = {name: loaded_at(engine.get(f"/images/{name}/json")) for name in names}
    old = sorted(names, key=lambda name: times[name])[:-1]
    return [name for name in old if times[name] < before and (check or removed(engine, name))]


def stopped_containers(engine: Engine) -> list[str]:
    """Return the ids of the containers of csvswarm jobs that do not run. Raises OSError."""
    names = image_names(engine)
    # Without a name to compare with, the engine would list all stopped containers.
    found = engine.get("/containers/json", ancestor=names, status=["created", "exited", "dead"]) if names else []
    return [container["Id"] for container in found]


def removed(engine: Engine, name: str) -> bool:
    """Remove an image. Returns False when a container uses it. Raises OSError."""
    try:
        engine.delete(f"/images/{name}")
    except EngineError as error:
        if error.status != http.client.CONFLICT:
            raise
        return False
    return True


def main() -> None:
    """Run as Ansible runs a module."""
    module = AnsibleModule(
        argument_spec={"days": {"type": "float", "default": 7}, "socket": {"type": "str", "default": SOCKET}},
        supports_check_mode=True,
    )
    names: list[str] = []
    containers: list[str] = []
    try:
        with Engine(module.params["socket"]) as engine:
            containers = stopped_containers(engine)
            for container in containers if not module.check_mode else ():
                engine.delete(f"/containers/{container}")
            names = prune(engine, time.time() - module.params["days"] * DAY, check=module.check_mode)
    except OSError as error:
        module.fail_json(msg=f"could not remove old images: {error}. On the board: sudo systemctl status docker")
    module.exit_json(changed=bool(names or containers), removed=names, containers=containers)


if __name__ == "__main__":
    main()

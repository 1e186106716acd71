"""The swarm that a board is in, as found by `__swarm_manager_probe` in vars/main.yml."""

from __future__ import annotations

import json
from typing import Any


def _parsed(info: str) -> dict[str, Any]:
    """Return the Swarm part of `docker info`; {} where the engine did not answer."""
    try:
        swarm: dict[str, Any] = json.loads(info[info.index("{") :])
    except ValueError:
        return {}
    return swarm


def swarm_found(text: str) -> dict[str, Any]:
    """Return the facts that the script printed; lines of other scripts are skipped.

    Returns:
        swarm: The Swarm part of `docker info`, {} where the engine did not answer; known: whether it answered, or there
        is none; manages: whether it manages its swarm; organization: the id of the swarm that issued the board's
        certificate, or ""; nodes: the ids of the nodes that a manager lists.
    """
    swarm: dict[str, Any] = {"LocalNodeState": "inactive"}
    organization, nodes = "", []
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "swarm-info":
            swarm = _parsed(rest)
        elif kind == "swarm-node":
            nodes.append(rest)
        elif kind == "swarm-organization":
            organization = rest
    state = swarm.get("LocalNodeState", "")
    # Right after its start, an engine does not know yet whether it manages the swarm.
    known = bool(state) and not (state == "pending" and not swarm.get("Error"))
    return {
        "swarm": swarm if known else {},
        "known": known,
        "manages": bool(known and swarm.get("ControlAvailable")),
        # A board that has left its swarm keeps the certificate.
        "organization": "" if state == "inactive" else organization,
        "nodes": nodes,
    }


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"swarm_found": swarm_found}

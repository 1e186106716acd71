"""Record an engine's answers about a service: python3 record_docker_api.py SERVICE [TIMES] [PAUSE].

Runs on a manager, as root, and prints one line of JSON per request. Only the fields that distinguish tasks
are kept, without addresses, certificates, labels and specifications.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import time
import urllib.parse
from typing import Any

API = "/v1.41"
TASK = ("ID", "CreatedAt", "Slot", "NodeID", "DesiredState")
STATUS = ("Timestamp", "State", "Message", "Err", "ContainerStatus")


def get(path: str) -> Any:
    """Return what the engine answers."""
    connection = http.client.HTTPConnection("localhost", timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.connect("/run/docker.sock")
    connection.request("GET", API + path)
    return json.loads(connection.getresponse().read())


def kept(whole: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the recorded fields of those that exist."""
    return {name: whole[name] for name in names if name in whole}


def node(whole: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of a node."""
    description = whole["Description"]
    return {
        "ID": whole["ID"],
        "Spec": kept(whole["Spec"], ("Role", "Availability")),
        "Description": {
            **kept(description, ("Hostname", "Platform")),
            "Resources": kept(description["Resources"], ("NanoCPUs", "MemoryBytes")),
            "Engine": kept(description["Engine"], ("EngineVersion",)),
        },
        "Status": kept(whole["Status"], ("State", "Message")),
    }


def snapshot(service: str) -> dict[str, Any]:
    """Return the nodes and the service's tasks."""
    query = urllib.parse.urlencode({"filters": json.dumps({"service": [service]})})
    tasks = get(f"/tasks?{query}")
    if isinstance(tasks, dict):
        return {"answer": tasks}
    return {
        "nodes": [node(one) for one in get("/nodes")],
        "tasks": [{**kept(one, TASK), "Status": kept(one["Status"], STATUS)} for one in tasks],
    }


if __name__ == "__main__":
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 1):
        sys.stdout.write(json.dumps(snapshot(sys.argv[1])) + "\n")
        sys.stdout.flush()
        time.sleep(float(sys.argv[3]) if len(sys.argv) > 3 else 0)

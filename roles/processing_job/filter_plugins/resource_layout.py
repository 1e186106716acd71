"""The layout of a job over the boards of a swarm: resources of each container, and number of chunks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

if TYPE_CHECKING:
    from collections.abc import Callable

MB = 1_000_000
#: Memory that a board keeps for its system, dockerd, the NFS client and the page cache.
KEPT_PART, KEPT_LEAST = 0.15, 128 * MB
#: Default bounds of a container's memory: built-in processors need at least the first.
LEAST, MOST = 256 * MB, 512 * MB
#: Minimum memory of split and collection, however small the manager is.
MIN_ROOM = 64 * MB
#: A chunk should be about ten seconds of work, since a container takes 1 to 3 s to start; slow boards do 5 to 10 MB/s.
CHUNK_BYTES, MIN_CHUNK_BYTES = 64 * MB, 4 * MB
#: A larger chunk would lose minutes of work with a board, and may exceed chunk_limit.
MAX_CHUNK_BYTES = 1000 * MB
CHUNKS_PER_SLOT = 4
UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "KI": 1 << 10, "MI": 1 << 20, "GI": 1 << 30}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def processing_job_bytes(text: object) -> int:
    """Return the bytes of a size like 400MB, 1.5 GiB or 400000000; 0 for an invalid size."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([KMG]I?|)B?", str(text).strip().upper())
    return round(float(found[1]) * UNITS[found[2]]) if found else 0


def processing_job_boards(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the nodes of a swarm, from `docker node inspect`, as boards.

    Each has id, name, architecture (amd64 or arm64), cores, memory in bytes, manager (whether it is one), image (the id
    of the job image that was verified on it last), takes (whether Swarm would give it a task) and why (the reason when
    it would not).
    """
    # An interrupted join leaves a node without a name.
    named = (node for node in nodes if node.get("Description", {}).get("Hostname"))
    return sorted((_board(node) for node in named), key=lambda board: str(board["name"]))


def _board(node: dict[str, Any]) -> dict[str, Any]:
    description = node["Description"]
    state, availability = node["Status"]["State"], node["Spec"]["Availability"]
    machine = description["Platform"]["Architecture"]
    return {
        "id": node["ID"],
        "name": description["Hostname"],
        "architecture": ARCHITECTURES.get(machine, machine),
        "cores": description["Resources"]["NanoCPUs"] / 1e9,
        "memory": description["Resources"]["MemoryBytes"],
        "manager": node["Spec"].get("Role") == "manager",
        "image": (node["Spec"].get("Labels") or {}).get("csvswarm.image", ""),
        "takes": state == "ready" and availability == "active",
        "why": f"is {state}" if state != "ready" else f"is set to {availability}" if availability != "active" else "",
    }


def processing_job_layout(
    boards: list[dict[str, Any]], size: int, memory: str = "auto", cpus: float = 1.0
) -> dict[str, Any]:
    """Return the resources of a container, and the number of chunks for an input of `size` bytes.

    limit, reservation: bytes of memory. slots: board -> how many containers run on it at a time. chunks: a number.
    rooms: board -> bytes that split and collect may have there.
    Swarm only knows a board's total memory. So the reservation is raised above the limit if boards would otherwise get
    more containers than fit in their memory without the part they keep. Raises AnsibleFilterError if no board has room
    for a container.
    """
    takers = [board for board in boards if board["takes"]]
    if not takers:
        raise AnsibleFilterError("no board can run chunks")
    limit = processing_job_bytes(memory) or _limit(takers)
    reservation = max([limit, *(_least_reservation(board, limit) for board in takers)])
    slots = {board["name"]: _slots(board, reservation, float(cpus)) for board in takers}
    count = sum(slots.values())
    return {
        "limit": limit,
        "reservation": reservation,
        "cpus": float(cpus),
        "slots": slots,
        "chunks": _chunks(size, count),
        "rooms": {board["name"]: max(_room(board), MIN_ROOM) for board in boards},
    }


def processing_job_driver_memory(layout: dict[str, Any], boards: list[dict[str, Any]]) -> int:
    """Return the bytes that a job's driver may have: what the smallest manager can give."""
    return min(int(layout["rooms"][board["name"]]) for board in boards if board["manager"])


def _room(board: dict[str, Any]) -> int:
    """Return the bytes of a board's memory for containers."""
    memory = int(board["memory"])
    return memory - max(round(memory * KEPT_PART), KEPT_LEAST)


def _limit(takers: list[dict[str, Any]]) -> int:
    """Return a limit that suits the smallest board, within bounds; a board below them gets no chunks."""
    return min(max(min(_room(board) for board in takers), LEAST), MOST)


def _least_reservation(board: dict[str, Any], limit: int) -> int:
    """Return the smallest reservation with which Swarm places no more containers on the board than fit."""
    fitting = max(_room(board) // limit, 0)
    return int(board["memory"]) // (fitting + 1) + 1


def _slots(board: dict[str, Any], reservation: int, cpus: float) -> int:
    return min(int(board["memory"]) // reservation, int(board["cores"] / cpus))


def _chunks(size: int, slots: int) -> int:
    """Return the number of chunks: several per slot, for fast and slow boards, none too small for a container."""
    if not slots:
        return 1
    wanted = min(-(-size // CHUNK_BYTES), CHUNKS_PER_SLOT * slots)
    return int(max(wanted, min(slots, -(-size // MIN_CHUNK_BYTES)), -(-size // MAX_CHUNK_BYTES), 1))


class FilterModule:
    """The filters, for Ansible."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {
            "processing_job_bytes": processing_job_bytes,
            "processing_job_boards": processing_job_boards,
            "processing_job_driver_memory": processing_job_driver_memory,
            "processing_job_layout": processing_job_layout,
        }

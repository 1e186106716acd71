"""Whether a board can lead the cluster's swarm, from its engine's report of the swarm it is in."""

from __future__ import annotations

import re
from typing import Any

Swarm = dict[str, Any]

EXPIRED = re.compile(r"not valid after ([^,]+, [^,]+),.*certificate has expired")
RECOVER = "ansible-playbook playbooks/recover.yml"
START_AGAIN = (
    "The swarm keeps only running jobs, no files. To make a new one, on the board: sudo docker swarm leave --force; "
    "then here: ansible-playbook site.yml -e swarm_worker_leave_other=true"
)


def _remote(swarm: Swarm, boards: dict[str, str]) -> list[tuple[str, str]]:
    """Return (name or "", address) of the managers that the engine knows; the names are the inventory's."""
    names = {address: name for name, address in boards.items()}
    addresses = [manager["Addr"].rpartition(":")[0] for manager in swarm.get("RemoteManagers") or []]
    return [(names.get(address, ""), address) for address in addresses if address != swarm.get("NodeAddr")]


def _listed(managers: list[tuple[str, str]]) -> str:
    return ", ".join(f"{name} ({address})" if name else address for name, address in managers) or "unknown addresses"


def _stopped(board: str, swarm: Swarm, boards: dict[str, str]) -> str:
    """Return why an engine cannot join its swarm, or ""."""
    error = swarm.get("Error") or ""
    if expired := EXPIRED.search(error):
        return (
            f"{board} has a certificate for its swarm that expired on {expired[1]}, since the board was off for too "
            f"long, so it cannot manage the swarm. To recover: {RECOVER}"
        )
    if swarm["LocalNodeState"] == "locked":
        return f"{board} manages a swarm that is locked. On the board: sudo docker swarm unlock"
    if (swarm["ControlAvailable"] and not (swarm.get("Cluster") or {}).get("ID")) or "does not have a leader" in error:
        return (
            f"{board} manages a swarm without a quorum: more than half of its managers must be on. The others are "
            f"{_listed(_remote(swarm, boards))}: switch them on, or connect them, and rerun this. If they are lost "
            f"for good: {RECOVER}"
        )
    if swarm["LocalNodeState"] == "error":
        return f"{board}: its engine cannot take part in its swarm ({error}). On the board: journalctl -u docker"
    return ""


def _worker(board: str, swarm: Swarm, boards: dict[str, str]) -> str:
    """Return why a worker cannot lead."""
    managers = _remote(swarm, boards)
    known = [name for name, _ in managers if name]
    problem = (
        f"{board} is a worker of a swarm, and no board of the group swarm_manager manages it. Its managers are "
        f"{_listed(managers)}. "
    )
    if known:
        return (
            problem + f"To let {board} manage it, on {known[0]}: sudo docker node promote $(sudo docker node ls "
            f"--filter name={board} --quiet); then rerun this. Otherwise put {known[0]} back into swarm_manager"
        )
    return problem + (
        "If they are gone for good, or belong to another cluster, on the board: sudo docker swarm leave --force; then "
        "here: ansible-playbook site.yml -e swarm_worker_leave_other=true"
    )


def lead_manager(swarms: dict[str, Swarm], leave_other: bool) -> str:
    """Return the board that leads: the first that manages a swarm, else the first in one, else the first of all.

    Where an engine is in a swarm that it cannot manage, no other board makes a second one unasked.

    Args:
        swarms: The Swarm part of each manager's `docker info`, in the inventory's order; {} without an engine.
        leave_other: Whether boards may leave a swarm that they cannot manage.
    """
    active = [board for board, swarm in swarms.items() if swarm.get("ControlAvailable")]
    stopped = [board for board, swarm in swarms.items() if swarm.get("LocalNodeState", "inactive") != "inactive"]
    return [*active, *([] if leave_other else stopped), *swarms][0]


def stale_nodes(nodes: list[dict[str, Any]], ids: list[str], names: list[str]) -> list[dict[str, Any]]:
    """Return the nodes that boards left behind: those with a board's name, then those without any that are not ready.

    Args:
        nodes: What the leader's engine lists.
        ids: The ids of the boards' present nodes.
        names: The host names of the boards, "" for one that is not known.
    """
    known = {*names} - {""}
    others = [node for node in nodes if node["ID"] not in ids]
    named = [node for node in others if "Hostname" in (node.get("Description") or {})]
    nameless = [node for node in others if "Hostname" not in (node.get("Description") or {})]
    return [
        *(node for node in named if node["Description"]["Hostname"] in known),
        *(node for node in nameless if node["Status"]["State"] != "ready"),
    ]


def lead_problem(swarm: Swarm, board: str, boards: dict[str, str], share: str, *, adopt: bool = False) -> str:
    """Return why a board cannot lead the cluster's swarm and what to do, or "".

    Args:
        swarm: The Swarm part of the engine's `docker info`.
        board: The board's name in the inventory.
        boards: The addresses of all boards of the cluster, by their names in the inventory.
        share: The id of the cluster's share, which its swarm has as the label csvswarm.cluster.
        adopt: Whether a swarm without that label becomes the cluster's.
    """
    if swarm["LocalNodeState"] == "inactive":
        return ""
    if problem := _stopped(board, swarm, boards):
        return problem
    if not swarm["ControlAvailable"]:
        return _worker(board, swarm, boards)
    label = (swarm["Cluster"]["Spec"].get("Labels") or {}).get("csvswarm.cluster", "")
    if label != share and not adopt:
        return (
            f"{board} manages a swarm that is not this cluster's: its label csvswarm.cluster is '{label}', not "
            f"'{share}'. To make it this cluster's, rerun this with -e swarm_manager_adopt=true. If nobody needs "
            "it, on the board: sudo docker swarm leave --force"
        )
    now, then = boards.get(board, ""), swarm.get("NodeAddr", "")
    if now and then and now != then:
        return (
            f"{board} has the address {now}, and its swarm is managed at {then}: the other boards would not find it. "
            f"Give the board {then} back (a fixed address in the router helps). {START_AGAIN}"
        )
    return ""


def pool_problem(swarm: Swarm, board: str, pool: list[str], subnet_size: int) -> str:
    """Return why a swarm cannot have other networks than those it was created with, and what to do, or "".

    Args:
        swarm: The Swarm part of the engine's `docker info`.
        board: The board's name in the inventory.
        pool: The networks (CIDR) that the inventory asks for.
        subnet_size: The prefix length of each overlay network that it asks for.
    """
    cluster = swarm.get("Cluster") or {}
    has, size = cluster.get("DefaultAddrPool") or [], cluster.get("SubnetSize") or subnet_size
    if not has or (sorted(has) == sorted(pool) and size == subnet_size):
        return ""
    return (
        f"{board} manages a swarm with the address pool {', '.join(has)} in networks of /{size}, and the inventory "
        f"requests {', '.join(pool)} and /{subnet_size}. A swarm keeps the pool that it was created with: set "
        "swarm_manager_address_pool and swarm_manager_subnet_size to that, or, when no job runs, run "
        "playbooks/reset.yml and site.yml"
    )


def nodes_not_ready(nodes: list[dict[str, Any]], members: dict[str, str], leader: str) -> str:
    """Return which boards are not ready and what to do.

    Args:
        nodes: What the leader's engine lists; empty where it does not answer.
        members: The ids of the boards' nodes, by their names in the inventory.
        leader: The board that was queried.
    """
    if not nodes:
        return f"{leader} does not list the nodes of the swarm. On it: sudo docker node ls, journalctl -u docker"
    states = {node["ID"]: node["Status"] for node in nodes}
    late = []
    for board, node in members.items():
        status = states.get(node, {"State": "missing"})
        if node and status["State"] != "ready":
            late.append(f"{board} is {status['State']}" + (f" ({status['Message']})" if status.get("Message") else ""))
    return (
        f"Not ready in the swarm: {', '.join(late)}. On the board: systemctl status docker csvswarm-share "
        f"and journalctl -u docker. It must reach {leader} at 2377/tcp, and each board every other at 7946/tcp and udp"
    )


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {
            "lead_manager": lead_manager,
            "lead_problem": lead_problem,
            "nodes_not_ready": nodes_not_ready,
            "pool_problem": pool_problem,
            "stale_nodes": stale_nodes,
        }

"""Checks from an engine's answer whether a board can stay in its swarm."""

from __future__ import annotations

from typing import Any


def member_problem(swarm: dict[str, Any], board: str, address: str) -> str:
    """Return why a member of the cluster's swarm cannot stay in it and what to do, or "".

    Args:
        swarm: The Swarm part of the engine's `docker info`.
        board: The board's name in the inventory.
        address: The address that the board has now.
    """
    then = swarm.get("NodeAddr", "")
    if not then or not address or then == address:
        return ""
    force = " --force" if swarm.get("ControlAvailable") else ""
    return (
        f"{board} has the address {address}, and the swarm reaches it at {then}: its containers would have no network. "
        f"Give the board {then} back (a fixed address in the router helps). Or, when no job runs, on the board: sudo "
        f"docker swarm leave{force}; then rerun this, and the board joins with its new address"
    )


def foreign_problem(organization: str, board: str, cluster: str) -> str:
    """Return why a board cannot join the cluster's swarm and what to do, or "".

    Args:
        organization: The id of the swarm in the board's certificate; empty without one.
        board: The board's name in the inventory.
        cluster: The id of the cluster's swarm; empty where it does not exist yet.
    """
    if organization in ("", cluster):
        return ""
    own = f"is {cluster}" if cluster else "has none"
    return (
        f"{board} belongs to another swarm ({organization}, this cluster {own}). "
        "If it should move here, rerun with -e swarm_worker_leave_other=true, or on the board: sudo docker swarm leave "
        "--force"
    )


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"foreign_problem": foreign_problem, "member_problem": member_problem}

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


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"member_problem": member_problem}

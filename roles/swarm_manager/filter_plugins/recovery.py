"""Why the managers of the inventory cannot manage their swarm, and what playbooks/recover.yml does about it."""

from __future__ import annotations

from typing import Any

Swarm = dict[str, Any]

RESUME = "Files on the share stay; running jobs end, and run_job.yml -e job_id=NAME resumes them"


def _manages(swarm: Swarm) -> bool:
    """Return whether an engine manages a swarm that has a leader."""
    return bool(swarm.get("ControlAvailable") and (swarm.get("Cluster") or {}).get("ID") and not swarm.get("Error"))


def _is_expired(swarm: Swarm) -> bool:
    return "certificate has expired" in (swarm.get("Error") or "")


def _lacks_quorum(swarm: Swarm) -> bool:
    stuck = swarm.get("ControlAvailable") and not (swarm.get("Cluster") or {}).get("ID")
    return bool(stuck or "does not have a leader" in (swarm.get("Error") or ""))


def swarm_recovery(answers: dict[str, Swarm], managers: list[str]) -> dict[str, Any]:
    """Return what to do about the swarm of these managers.

    Args:
        answers: The Swarm part of each manager's `docker info`, by board; empty where none answers.
        managers: The boards of the group swarm_manager.

    Returns:
        action: "" (nothing), "restart" (a new swarm) or "shrink" (the survivor becomes the only manager); survivor: the
        board that does it; lost: the managers that do not answer; message: what was found and what happens, for people.
    """
    lost = [board for board in managers if not answers.get(board)]
    known = {board: answers[board] for board in managers if answers.get(board)}
    found: dict[str, Any] = {"action": "", "survivor": "", "lost": lost}
    names = ", ".join(lost)
    if working := [board for board, swarm in known.items() if _manages(swarm)]:
        return found | {"message": f"The swarm works: {working[0]} manages it. site.yml repairs single boards."}
    if locked := [board for board, swarm in known.items() if swarm["LocalNodeState"] == "locked"]:
        return found | {"message": f"{locked[0]} manages a locked swarm. On the board: sudo docker swarm unlock"}
    stuck = [board for board, swarm in known.items() if _lacks_quorum(swarm)]
    if stuck:
        # An engine that still counts as a manager has the newest state of the swarm.
        survivor = next((board for board in stuck if known[board]["ControlAvailable"]), stuck[0])
        return found | {
            "action": "shrink",
            "survivor": survivor,
            "message": f"The swarm has no quorum: {names or 'no other manager'} does not answer. If these boards work, "
            f"switch them on instead. Otherwise {survivor} becomes its only manager; services continue.",
        }
    if expired := [board for board, swarm in known.items() if _is_expired(swarm)]:
        switched_off = f" {names} does not answer: if its certificate is valid, switch it on instead." if lost else ""
        return found | {
            "action": "restart",
            "survivor": expired[0],
            "message": f"The certificate of {', '.join(expired)} for the swarm has expired, so no manager works."
            f"{switched_off} All boards leave the swarm, and site.yml creates a new one. {RESUME}.",
        }
    if not known:
        return found | {"message": f"Docker does not answer on {names}. On a board: systemctl status docker"}
    return found | {"message": "No board of the group swarm_manager has a swarm that can be recovered: run site.yml."}


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"swarm_recovery": swarm_recovery}

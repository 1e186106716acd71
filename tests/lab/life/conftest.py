"""The playbooks for the events of a cluster's life, run as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.lab.kit.control_node import ANSIBLE_PLAYBOOK, ROOT
from tests.lab.kit.lab import HAS_SHARE, Lab
from tests.lab.kit.polling import wait_until

#: Runs a playbook with these arguments; returns (exit code, output as one line).
Play = Callable[..., tuple[int, str]]
#: The inventory in which all boards are managers, and what managers() then returns.
THREE_MANAGERS = ROOT / "molecule/life/three_managers"
ALL_MANAGE = ["Leader", "Reachable", "Reachable"]


@pytest.fixture
def play() -> Play:
    def run(playbook: str, *arguments: str, inventory: Path | None = None, clone: Path = ROOT) -> tuple[int, str]:
        inventories = json.loads(os.environ["CSVSWARM_INVENTORIES"])
        if inventory:
            inventories[0] = f"--inventory={inventory}"
        env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        done = subprocess.run(
            [ANSIBLE_PLAYBOOK, *inventories, clone / playbook, *arguments],
            env=env | {"ANSIBLE_CONFIG": str(clone / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=1500,
        )
        return done.returncode, " ".join(done.stdout.split())

    return run


@pytest.fixture
def cluster(reachable_lab: Lab, play: Play) -> Lab:
    """A healthy cluster, even if the previous test failed."""
    for board in reachable_lab.boards.values():
        if not board.is_on:
            board.power_on()
    for board in reachable_lab.boards.values():
        wait_until(f"{board.name} is reachable", partial(board.succeeds, "true"), 400)
        # Only a clock that a test has moved: others would be set to a second that has passed.
        board.sh(f"now=$(date +%s); [ $((now - {time.time():.0f})) -lt 30 ] || date --set=@{time.time():.0f}")
    try:
        wait_until("the cluster is healthy", partial(all_ready, reachable_lab), 120)
    except AssertionError:
        settings = ("-e", "swarm_worker_leave_other=true", "-e", "csvswarm_availability=active")
        code, output = play("site.yml", *settings)
        assert code == 0, output[-4000:]
    return reachable_lab


def all_ready(lab: Lab) -> bool:
    """Return whether every board is ready, and reads the share. False while no manager answers, as after a boot.

    After its start, the NFS server refuses clients for a while (nfs_server_grace_seconds).
    """
    boards = lab.boards.values()
    return (
        lab.manager.succeeds("docker node ls")
        and all(map(lab.is_ready, boards))
        and all(board.succeeds(HAS_SHARE) for board in boards)
    )


def host_variables(folder: Path, variables: dict[str, dict[str, Any]]) -> tuple[str, str]:
    """Return arguments that add variables of single boards to the inventory."""
    file = folder / "host_variables.yml"
    file.write_text(json.dumps({"all": {"hosts": variables}}))
    return "--inventory", str(file)


def managers(lab: Lab) -> list[str]:
    """Return the states of the managers in Swarm, sorted."""
    return sorted(lab.manager.sh("docker node ls --format '{{.ManagerStatus}}'").split())

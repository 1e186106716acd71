"""A swarm of only this machine, to compare with the local engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.boards.contenders import Job, ansible_environment
from bench.boards.timing import ROOT, BenchError, seconds
from bench.tools import OURS

_INVENTORY = """\
all:
  vars:
    csvswarm_share: {share}
  children:
    swarm_manager:
      hosts:
        this_machine:
          ansible_connection: local
          ansible_become: false
          ansible_python_interpreter: {python}
          board_hostname: {hostname}
    nfs_server:
      hosts:
        this_machine:
"""


def why_not() -> str:
    """Return why this machine cannot be a swarm of one board, empty if it can."""
    if os.geteuid() != 0:
        return "the swarm of one board needs root"
    command = ["docker", "info", "--format", "{{.Swarm.LocalNodeState}}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        return "no Docker engine answers on this machine"
    return "" if done.stdout.strip() == "inactive" else "this machine is a node of a swarm already"


@contextmanager
def one_board(place: Path) -> Iterator[Job]:
    """Make this machine a swarm of one board, for as long as the block runs. Raises BenchError."""
    if reason := why_not():
        raise BenchError(reason)
    share = place / "share"
    playbook = [str(OURS / "ansible-playbook"), str(ROOT / "bench/boards/one_board.yml")]
    inventory = place / "one-board.yml"
    inventory.write_text(
        _INVENTORY.format(share=json.dumps(str(share)), hostname=os.uname().nodename, python=json.dumps(sys.executable))
    )
    environment = ansible_environment()
    variables = ["-e", json.dumps({"share": str(share)})]
    try:
        seconds([*playbook, *variables], environment=environment)
        yield Job("swarm of one board", [f"--inventory={inventory}"], "swarm")
    finally:
        seconds([*playbook, *variables, "-e", "state=absent"], environment=environment)
        shutil.rmtree(share, ignore_errors=True)

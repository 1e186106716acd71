"""A share on a disk of its own: its board gets a new card, and the disk moves to another board."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.lab.kit.board import Board
from tests.lab.kit.control_node import ControlNode
from tests.lab.kit.lab import SHARE, Lab
from tests.lab.kit.polling import wait_until
from tests.lab.life.conftest import Play, all_ready, host_variables
from tests.lab.life.test_share_moves import CONTENT, MOVED, filled, swap_card

#: The second disk of a board (lab_data_disk_gb), which is blank at first.
DEVICE = {"nfs_server_device": "/dev/ubdb", "nfs_server_format": True}
RESET = ("playbooks/reset.yml", "-e", "confirm=reset")
TRANSFORM: dict[str, Any] = {"processor": "transform", "options": {"where": "distance > 500"}, "chunks": 3}
DISK_OF_SHARE = f"findmnt --noheadings --output SOURCE --mountpoint {SHARE}"


def swap_disks(*boards: Board) -> None:
    """Exchange the second disks of two boards."""
    image = json.loads(subprocess.check_output(["docker", "inspect", boards[0].container]))[0]["Config"]["Image"]
    for board in boards:
        board.sh("sync")
        board.cut_power()
    volumes = [f"--volume={board.container}:/{number}" for number, board in enumerate(boards)]
    script = "mv /0/data.img /0/moved.img && mv /1/data.img /0/ && mv /0/moved.img /1/data.img"
    command = ["docker", "run", "--rm", *volumes, "--entrypoint", "sh", image, "-euc", script]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    for board in boards:
        board.power_on()
    for board in boards:
        wait_until(f"{board.name} boots", partial(board.succeeds, "true"), 400)


@pytest.fixture
def disk(cluster: Lab, play: Play, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A cluster with the share on a disk of its server. Returns the arguments for its inventory."""
    here, there = cluster.server, cluster.boards["board2"]
    settings = host_variables(tmp_path, {board.name: DEVICE for board in (here, there)})
    try:
        code, output = play(*RESET)
        assert code == 0, output[-4000:]
        here.sh(f"mv {SHARE} {SHARE}.before")
        code, output = play("site.yml", *settings)
        assert code == 0, output[-4000:]
        yield settings
    finally:
        has_moved = there.succeeds("test -e /etc/exports.d/csvswarm.exports")
        play(*RESET, *settings, inventory=MOVED if has_moved else None)
        here.sh(f"[ ! -e {SHARE}.before ] || {{ rm -rf {SHARE}; mv {SHARE}.before {SHARE}; }}")
        code, output = play("site.yml")
        assert code == 0, output[-4000:]


def test_the_disk_of_the_share_moves(
    cluster: Lab, play: Play, control_node: ControlNode, disk: tuple[str, str]
) -> None:
    here, there = cluster.server, cluster.boards["board2"]
    assert here.sh(DISK_OF_SHARE).strip() == "/dev/ubdb"
    finished = control_node.run("swarm", **TRANSFORM)
    assert finished.files == control_node.run("local", **TRANSFORM).files
    content = filled(here)
    code, output = play("playbooks/preflight.yml", *disk, inventory=MOVED)
    assert code != 0
    assert f"{here.name} still exports the share" in output

    code, output = play(*RESET, *disk)
    assert code == 0, output[-4000:]
    assert not here.succeeds(DISK_OF_SHARE), "it can be unplugged"
    assert f" {SHARE} " not in here.sh("cat /etc/fstab")
    swap_disks(here, there)
    code, output = play("site.yml", *disk, inventory=MOVED)

    assert code == 0, output[-4000:]
    assert there.sh(DISK_OF_SHARE).strip() == "/dev/ubdb"
    assert there.sh(CONTENT) == content
    wait_until("all boards are ready", partial(all_ready, cluster))

    # The card of the server breaks, and the disk is put into a new board of the same name.
    there.sh("sync")
    swap_card(there)
    code, output = play("site.yml", *disk, inventory=MOVED)

    assert code == 0, output[-4000:]
    assert there.sh(CONTENT) == content
    wait_until("all boards are ready", partial(all_ready, cluster))
    inventories = [f"--inventory={MOVED}", json.loads(os.environ["CSVSWARM_INVENTORIES"])[1], "=".join(disk)]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CSVSWARM_INVENTORIES", json.dumps(inventories))
        rerun = control_node.run("swarm", finished.report["job_id"], **TRANSFORM)
        assert rerun.files == finished.files
        assert "Send the input" not in rerun.output
        run = control_node.run("swarm", **TRANSFORM | {"chunks": 4})
        assert run.files == finished.files

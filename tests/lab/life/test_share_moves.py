"""The share moves to another board and back, and a backup restores it on bare boards."""

from __future__ import annotations

import json
import os
import subprocess
from functools import partial
from pathlib import Path

from tests.lab.kit.board import Board
from tests.lab.kit.control_node import ROOT
from tests.lab.kit.lab import SHARE, Lab
from tests.lab.kit.polling import wait_until
from tests.lab.life.conftest import Play, all_ready

MOVED = ROOT / "molecule/life/moved_share"
#: Owner, permissions, access list and content of every file of the share, and the folders.
CONTENT = f"""
cd {SHARE}
find . ! -name lost+found -printf '%y %m %U %G %p\\n' | sort
find . -type f -print0 | sort --zero-terminated | xargs --null sha256sum
"""


def filled(board: Board) -> str:
    """Write files of several owners to the share of its server, and return what is on it."""
    board.sh(
        f"install -d -o 8765 -g 8765 -m 0700 {SHARE}/results/life && cd {SHARE}/results/life\n"
        "head -c 3000000 /dev/urandom >'a result.csv'; ln -sf 'a result.csv' link; chown -h 8765:8765 *"
    )
    return board.sh(CONTENT)


def swap_card(board: Board) -> None:
    """Give a board a fresh card with the same keys."""
    image = json.loads(subprocess.check_output(["docker", "inspect", board.container]))[0]["Config"]["Image"]
    board.cut_power()
    volume = f"{board.container}:/disk"
    remove = ["docker", "run", "--rm", "--volume", volume, "--entrypoint", "rm", image, "/disk/card.img"]
    subprocess.run(remove, check=True, capture_output=True, timeout=120)
    board.power_on()
    wait_until(f"{board.name} boots", partial(board.succeeds, "true"), 400)


def test_the_share_moves_and_comes_back(cluster: Lab, play: Play, tmp_path: Path) -> None:
    there, here = cluster.boards["board2"], cluster.server
    content = filled(here)

    code, output = play("playbooks/move_share.yml", "-e", f"to={there.name}", "-e", f"backup={tmp_path}")
    assert code == 0, output[-4000:]
    assert here.sh(f"cat {SHARE}.before/.csvswarm-cluster") == there.sh(f"cat {SHARE}/.csvswarm-cluster")
    code, output = play("site.yml", inventory=MOVED)
    assert code == 0, output[-4000:]
    assert there.sh(CONTENT) == content
    wait_until("all boards are ready", lambda: all_ready(cluster))
    assert play("playbooks/status.yml", inventory=MOVED)[0] == 0

    back = ("-e", f"to={here.name}", "-e", f"backup={tmp_path}")
    code, output = play("playbooks/move_share.yml", *back, inventory=MOVED)
    assert code == 0, output[-4000:]
    code, output = play("site.yml")
    assert code == 0, output[-4000:]
    assert here.sh(CONTENT) == content
    wait_until("all boards are ready", lambda: all_ready(cluster))
    for board in (here, there):
        board.sh(f"rm -r {SHARE}.before")


def test_the_server_and_only_manager_is_replaced(cluster: Lab, play: Play, tmp_path: Path) -> None:
    content = filled(cluster.server)
    code, output = play("playbooks/backup.yml", "-e", f"backup={tmp_path}")
    assert code == 0, output[-4000:]
    swap_card(cluster.server)

    code, output = play("playbooks/replace_board.yml", "-e", f"board={cluster.server.name}", "-e", f"backup={tmp_path}")

    assert code == 0, output[-4000:]
    assert cluster.server.sh(CONTENT) == content
    wait_until("all boards are ready", lambda: all_ready(cluster))
    assert play("playbooks/status.yml")[0] == 0


def test_a_worker_is_replaced(cluster: Lab, play: Play) -> None:
    board = cluster.workers[-1]
    swap_card(board)

    code, output = play("playbooks/replace_board.yml", "-e", f"board={board.name}")

    assert code == 0, output[-4000:]
    wait_until("all boards are ready", lambda: all_ready(cluster))
    assert len(cluster.manager.sh("docker node ls --quiet").split()) == len(cluster.boards)


def test_a_backup_is_restored_on_bare_boards(cluster: Lab, play: Play, tmp_path: Path) -> None:
    content = filled(cluster.server)
    code, output = play("playbooks/backup.yml", "-e", f"backup={tmp_path}")
    assert code == 0, output[-4000:]
    code, output = play("playbooks/restore.yml", "-e", f"backup={tmp_path}")
    assert code != 0
    assert f"{cluster.server.name} has a share already" in output
    for board in cluster.boards.values():
        swap_card(board)

    code, output = play("playbooks/restore.yml", "-e", f"backup={tmp_path}")

    assert code == 0, output[-4000:]
    assert cluster.server.sh(CONTENT) == content
    wait_until("all boards are ready", lambda: all_ready(cluster))
    inventory = json.loads(os.environ["CSVSWARM_INVENTORIES"])[1].removeprefix("--inventory=")
    assert (tmp_path / "inventory" / Path(inventory).name).exists()

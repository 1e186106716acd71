"""The lab's boards and their health checks."""

from __future__ import annotations

import json
import os
import time
from functools import partial
from pathlib import Path

import yaml

from tests.lab.kit.board import Board
from tests.lab.kit.polling import wait_until

SHARE = "/srv/csvswarm"
#: A service that reserves the cores of a board.
FILLER = "lab-filler"
#: A file that fills the share's disk.
FILL = "/var/tmp/csvswarm-fill"


class Lab:
    """All boards, and their roles."""

    def __init__(self, sockets: Path) -> None:
        groups, places = (
            yaml.safe_load(path.read_text())["all"]
            for path in map(_inventory, json.loads(os.environ["CSVSWARM_INVENTORIES"]))
        )
        variables = places["vars"]
        ssh = (
            *("ssh", "-i", variables["ansible_ssh_private_key_file"], *variables["ansible_ssh_common_args"].split()),
            *("-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"),
            *("-o", "ControlMaster=auto", "-o", "ControlPersist=300", "-o", f"ControlPath={sockets}/%h"),
        )
        self.boards = {
            name: Board(
                name,
                f"{os.environ['CSVSWARM_LAB']}-{name}",
                (*ssh, f"{variables['ansible_user']}@{place['ansible_host']}"),
            )
            for name, place in places["hosts"].items()
        }
        self.addresses = [str(place["ansible_host"]) for place in places["hosts"].values()]
        children = groups["children"]
        self.manager, self.server = (
            self.boards[next(iter(children[group]["hosts"]))] for group in ("swarm_manager", "nfs_server")
        )
        self.workers = [self.boards[name] for name in children.get("swarm_worker", {"hosts": {}})["hosts"]]
        self.managers = [self.boards[name] for name in children["swarm_manager"]["hosts"]]

    def node(self, board: Board) -> str:
        """Return the state of a board in Swarm, like "Ready Active"."""
        return self.manager.sh(f"docker node ls --format '{{{{.Hostname}}}} {{{{.Status}}}} {{{{.Availability}}}}'"
                               f" | sed -n 's/^{board.name} //p'").strip()  # fmt: skip

    def is_ready(self, board: Board) -> bool:
        return self.node(board) == "Ready Active"

    def set_availability(self, board: Board, availability: str) -> None:
        self.manager.sh(f"docker node update --availability {availability} {board.name}")

    def occupy(self, board: Board) -> None:
        """Reserve all cores of a board, so that it gets no chunk. Containers without a reservation still run."""
        image = self.manager.sh("docker images --quiet --no-trunc csvswarm-job").split()[0]
        self.manager.sh(
            f"cores=$(docker node inspect --format '{{{{.Description.Resources.NanoCPUs}}}}' {board.name})\n"
            f"docker service create --detach --quiet --name {FILLER} --constraint node.hostname=={board.name}"
            f" --reserve-cpu $((cores / 1000000000)) --no-resolve-image {image} -c 'import time; time.sleep(86400)'"
        )
        wait_until(
            f"{board.name} is taken",
            lambda: self.manager.sh(f"docker service ps --format '{{{{.CurrentState}}}}' {FILLER}").startswith(
                "Running"
            ),
        )

    # -- health ----------------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Undo every fault that a test may have left, and wait until the cluster is healthy."""
        boards = [self.server, *(board for board in self.boards.values() if board != self.server)]
        for board in boards:
            if not board.is_on:
                board.power_on()
            elif board.is_disconnected:
                board.reconnect_share()
        for board in boards:
            wait_until(f"{board.name} answers", partial(board.succeeds, "true"), 400)
            board.reconnect_swarm()
            board.sh(
                # The clock service alone would take longer.
                f"now=$(date +%s); [ $((now - {time.time():.0f})) -lt 30 ] || date --set=@{time.time():.0f}\n"
                "systemctl start chrony\n"
                f"rm -f {FILL}; ! command -v exportfs || exportfs -ra\n"
                f"! grep -q ' {SHARE} nfs4 ' /etc/fstab || mountpoint --quiet {SHARE} || mount {SHARE}",
                180,
            )
        for board in boards:
            wait_until(f"{board.name} has the share", partial(board.succeeds, HAS_SHARE), 400)
            wait_until(f"{board.name} has Docker", partial(board.succeeds, "docker info"), 400)
        for board in boards:
            self.set_availability(board, "active")
            wait_until(f"{board.name} is ready", partial(self.is_ready, board))
        self.restore_images()
        self.manager.sh(
            "for kind in service config network; do\n"
            "    docker $kind ls --quiet --filter label=csvswarm.job | xargs -r docker $kind rm || true\n"
            "done\n"
            f"! docker service inspect {FILLER} || docker service rm {FILLER}"
        )

    def restore_images(self) -> None:
        """Restore the names of archives on the share that a test has moved aside."""
        self.server.sh(
            f"cd {SHARE}/images 2>/dev/null || exit 0\n"
            'for kept in *.kept; do [ ! -e "$kept" ] || mv --force "$kept" "${kept%.kept}"; done'
        )

    def leftovers(self, job: str) -> str:
        """Return everything that exists for a job in Swarm and, but for what a power loss left, on reachable boards.

        A board keeps the containers of before its boot, where their service was removed meanwhile (`prune` removes
        them).
        """
        name = f"csvswarm-{job}"
        # grep exits with 1 if it finds nothing, which is the expected case.
        listing = "\n".join(
            f"docker {kind} ls --format '{kind} {{{{.Name}}}}' | grep -F -- '{name}' || true"
            for kind in ("service", "stack", "network", "config")
        )
        containers = (
            "boot=$(awk '$1 == \"btime\" {print $2}' /proc/stat)\n"
            f"docker ps --all --filter name={name} --format '{{{{.ID}}}} {{{{.Names}}}} {{{{.Status}}}}' |\n"
            "while read -r id rest; do\n"
            # One that is removed meanwhile is none.
            "  created=$(docker inspect --type container --format '{{.Created}}' $id) || continue\n"
            '  [ "$(date +%s --date="$created")" -lt "$boot" ] || echo "$rest"\n'
            "done"
        )
        on = [board for board in self.boards.values() if self.node(board).startswith("Ready")]
        return self.manager.sh(listing) + "".join(board.sh(containers) for board in on)


HAS_SHARE = f"timeout 10 test -s {SHARE}/.csvswarm-cluster"


def _inventory(argument: str) -> Path:
    path = Path(argument.removeprefix("--inventory="))
    return path / "hosts.yml" if path.is_dir() else path

"""Boards are removed, reinstalled, rebooted, upgraded and switched off, and the rest of the cluster does not change."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.faults.blocking_processors import BLOCKING
from tests.lab.faults.running_job import RunningJob
from tests.lab.kit.board import Board
from tests.lab.kit.control_node import ControlNode
from tests.lab.kit.lab import SHARE, Lab
from tests.lab.kit.network_card import NetworkCard
from tests.lab.kit.polling import wait_until
from tests.lab.life.conftest import ALL_MANAGE, THREE_MANAGERS, Play, all_ready, host_variables, managers

LEFT = """
find /etc /usr/local -name '*csvswarm*'
grep -l csvswarm /etc/hosts || true
grep ' nfs4 ' /etc/fstab /proc/mounts || true
iptables -S | grep CSVSWARM || true
"""

#: As a user reads it, for csvswarm_mac.
MAC = "cat /sys/class/net/$(ip route show default | sed 's/.* dev //; s/ .*//')/address"
LABEL = "docker node inspect --format '{{.Spec.Labels.disk}}' "
PACKAGES = "dpkg-query --show"
ARCHIVE = "/var/tmp/life-archive"
#: The Docker of the board's archive, under a higher version than any before.
OFFER = f"""
mkdir {ARCHIVE}
cd {ARCHIVE}
apt-get update --quiet=2 </dev/null
apt-get download --quiet=2 docker.io </dev/null
dpkg-deb --raw-extract docker.io_*.deb package
rm docker.io_*.deb
sed -i "s/^Version: .*/&+life$(date +%s)/" package/DEBIAN/control
dpkg-deb --build -Znone package docker.io.deb
rm -r package
dpkg-deb --field docker.io.deb >Packages
printf 'Filename: ./docker.io.deb\\nSize: %s\\nSHA256: %s\\n' \\
    "$(stat --format %s docker.io.deb)" "$(sha256sum docker.io.deb | cut -d' ' -f1)" >>Packages
echo 'deb [trusted=yes] file:{ARCHIVE} ./' >/etc/apt/sources.list.d/life.list
"""
TRANSFORM: dict[str, Any] = {"processor": "transform", "options": {"where": "distance > 500"}, "chunks": 3}


@contextmanager
def node_changes(manager: Board) -> Iterator[list[tuple[str, str]]]:
    """Collect the changes of availability while a block runs, as (board, new availability)."""
    found: list[tuple[str, str]] = []
    command = "sudo timeout 1800 docker events --filter type=node --format '{{json .Actor.Attributes}}'"
    with subprocess.Popen([*manager.ssh, command], stdout=subprocess.PIPE, text=True) as events:
        try:
            yield found
        finally:
            events.terminate()
        assert events.stdout
        for line in events.stdout:
            attributes = json.loads(line)
            if "availability.new" in attributes:
                found.append((attributes["name"], attributes["availability.new"]))


def boot(board: Board) -> str:
    return board.sh("cat /proc/sys/kernel/random/boot_id")


def address(lab: Lab, board: Board) -> str:
    addresses: dict[str, str] = dict(zip(lab.boards, lab.addresses, strict=True))
    return addresses[board.name]


def test_reboot(cluster: Lab, play: Play) -> None:
    before = {board.name: boot(board) for board in cluster.boards.values()}

    code, output = play("playbooks/reboot.yml")

    assert code == 0, output[-4000:]
    for board in cluster.boards.values():
        assert boot(board) != before[board.name]
    wait_until("all boards are ready", lambda: all_ready(cluster))
    assert play("playbooks/status.yml")[0] == 0


@pytest.fixture
def newer_docker(cluster: Lab) -> Iterator[Board]:
    """A worker to which an archive of its own offers a newer Docker."""
    board = cluster.workers[0]
    try:
        board.sh(OFFER, 600)
        yield board
    finally:
        board.sh(f"rm -rf {ARCHIVE} /etc/apt/sources.list.d/life.list; apt-get update --quiet=2 </dev/null", 300)


def test_upgrade(cluster: Lab, play: Play, control_node: ControlNode, newer_docker: Board) -> None:
    boards = cluster.boards.values()
    before = {board.name: (boot(board), board.sh(PACKAGES)) for board in boards}
    with node_changes(cluster.manager) as changed:
        code, output = play("playbooks/upgrade.yml")

    assert code == 0, output[-4000:]
    wait_until("all boards are ready", lambda: all_ready(cluster))
    for board in boards:
        assert board.sh("apt-get --simulate --quiet=2 dist-upgrade | grep -c ^Inst || true").strip() == "0"
        boot_before, packages = before[board.name]
        assert (boot(board) != boot_before) == (board.sh(PACKAGES) != packages), board.name
    assert "+life" in newer_docker.sh("dpkg-query --show --showformat '${Version}' docker.io")
    assert boot(newer_docker) != before[newer_docker.name][0]
    assert [new for name, new in changed if name == newer_docker.name] == ["pause", "drain", "active"]
    run = control_node.run("swarm", **TRANSFORM)
    assert run.files == control_node.run("local", **TRANSFORM).files
    assert newer_docker.name in {attempt["board"] for attempt in run.counted_attempts}


def test_one_board_is_reset(cluster: Lab, play: Play) -> None:
    board = cluster.workers[-1]
    others = {other.name: other.sh("systemctl show --property=ActiveEnterTimestamp docker") for other in
              cluster.boards.values() if other != board}  # fmt: skip

    code, output = play("playbooks/reset.yml", "-e", f"board={board.name}", "-e", "confirm=reset")

    assert code == 0, output[-4000:]
    assert board.sh(LEFT) == ""
    for name, since in others.items():
        assert cluster.boards[name].sh("systemctl show --property=ActiveEnterTimestamp docker") == since
    code, output = play("site.yml")
    assert code == 0, output[-4000:]
    assert all_ready(cluster)


def locked_out(lab: Lab, board: Board) -> None:
    """Check that nothing on the other boards lets a removed board in."""
    assert lab.node(board) == ""
    assert address(lab, board) not in lab.server.sh("exportfs -v")
    for other in lab.boards.values():
        if other != board:
            assert f"{address(lab, board)}/32" not in other.sh("iptables -S CSVSWARM")
            assert f" {board.name}\n" not in other.sh("cat /etc/hosts")


def test_board_is_removed_and_added(cluster: Lab, play: Play) -> None:
    board = cluster.workers[-1]
    tokens = cluster.manager.sh("docker swarm join-token --quiet worker")

    code, output = play("playbooks/remove_board.yml", "-e", f"board={board.name}")

    assert code == 0, output[-4000:]
    locked_out(cluster, board)
    assert board.sh(LEFT) == ""
    assert cluster.manager.sh("docker swarm join-token --quiet worker") != tokens
    assert tokens.strip() not in output
    # It is still in the inventory, so site.yml adds it.
    code, output = play("site.yml")
    assert code == 0, output[-4000:]
    assert all_ready(cluster)


def test_a_board_that_is_removed_finishes_its_chunk(cluster: Lab, play: Play, control_node: ControlNode) -> None:
    (control_node.place / "mine.py").write_text(BLOCKING)
    job = RunningJob(cluster, control_node, f"life-{uuid.uuid4().hex[:8]}", {"processor": "./mine.py", "chunks": 3})
    job.start()
    attempts = job.wait_for_all()
    board = next(attempt.board for attempt in attempts if attempt.board in cluster.workers)

    with ThreadPoolExecutor() as pool:
        removal = pool.submit(play, "playbooks/remove_board.yml", "-e", f"board={board.name}")
        try:
            wait_until("no new task starts on it", lambda: cluster.node(board) == "Ready Pause", 300)
            assert not job.committed
        finally:
            job.release("all")
        run = job.end()
        code, output = removal.result()

    assert code == 0, output[-4000:]
    locked_out(cluster, board)
    assert {attempt["attempt"] for attempt in run.counted_attempts} == {attempt.attempt for attempt in attempts}
    assert run.files == control_node.run("local", **job.variables).files
    code, output = play("site.yml")
    assert code == 0, output[-4000:]
    assert all_ready(cluster)


def test_dead_board_is_removed_and_locked_out(cluster: Lab, play: Play) -> None:
    board = cluster.workers[-1]
    board.cut_power()
    wait_until("the swarm notices", lambda: cluster.node(board).startswith("Down"))

    code, output = play("playbooks/remove_board.yml", "-e", f"board={board.name}", "-e", "rotate_ca=true")

    assert code == 0, output[-4000:]
    locked_out(cluster, board)
    # It is switched on: it cannot mount the share or join the swarm.
    board.power_on()
    wait_until("it boots", lambda: board.succeeds("true"), 400)
    assert not board.succeeds(f"mountpoint --quiet {SHARE} && timeout 10 cat {SHARE}/.csvswarm-cluster")
    assert cluster.node(board) == ""


def test_cluster_is_switched_off_and_on(cluster: Lab, play: Play, tmp_path: Path) -> None:
    by_hand, *others = cluster.boards.values()
    cards = [NetworkCard(board, address(cluster, board), board.sh(MAC).strip()) for board in others]
    macs = host_variables(tmp_path, {card.board.name: {"csvswarm_mac": card.mac} for card in cards})
    code, output = play("playbooks/power.yml", "-e", "state=off")

    assert code == 0, output[-4000:]
    wait_until("all boards are off", lambda: not any(board.is_on for board in cluster.boards.values()))
    with ThreadPoolExecutor() as pool:
        try:
            for card in cards:
                card.stand_by()
            power = pool.submit(play, "playbooks/power.yml", "-e", "state=on", *macs)
            for card in cards:
                wait_until(f"a packet arrives at {card.board.name}", card.has_woken, 120)
        finally:
            for card in cards:
                card.remove()
                card.board.power_on()
            # The one without csvswarm_mac is switched on by hand.
            by_hand.power_on()
        code, output = power.result()
    assert code == 0, output[-4000:]
    wait_until("all boards are ready", lambda: all_ready(cluster))


def test_one_manager_becomes_three_and_one_again(cluster: Lab, play: Play) -> None:
    code, output = play("site.yml", inventory=THREE_MANAGERS)
    assert code == 0, output[-4000:]
    wait_until("all boards are managers", lambda: managers(cluster) == ALL_MANAGE)

    code, output = play("site.yml")

    assert code == 0, output[-4000:]
    wait_until("one board is a manager", lambda: managers(cluster) == ["Leader"])
    wait_until("all boards are ready", lambda: all_ready(cluster))


def test_boards_are_drained_paused_and_labelled(
    cluster: Lab, play: Play, control_node: ControlNode, tmp_path: Path
) -> None:
    drained, paused = cluster.workers
    settings: dict[str, dict[str, Any]] = {
        drained.name: {"csvswarm_availability": "drain"},
        paused.name: {"csvswarm_availability": "pause", "csvswarm_labels": {"disk": "ssd"}},
    }
    availability = {cluster.manager: "Ready Active", drained: "Ready Drain", paused: "Ready Pause"}
    (control_node.place / "mine.py").write_text(BLOCKING)
    job = RunningJob(cluster, control_node, f"life-{uuid.uuid4().hex[:8]}", {"processor": "./mine.py", "chunks": 3})
    job.start()
    first = {attempt.board: attempt.attempt for attempt in job.wait_for_all()}
    assert set(first) == set(availability)
    try:
        code, output = play("site.yml", *host_variables(tmp_path, settings))

        assert code == 0, output[-4000:]
        assert {board: cluster.node(board) for board in availability} == availability
        wait_until("its attempt ends", lambda: not drained.sh("docker ps --quiet --filter label=csvswarm.job"), 60)
    finally:
        job.release("all")
    run = job.end()

    # The chunk of the drained board starts on the only board that is left; the paused one finishes its own.
    assert run.files == control_node.run("local", **job.variables).files
    counted = {attempt["attempt"]: attempt["board"] for attempt in run.counted_attempts}
    assert sorted(counted.values()) == sorted([cluster.manager.name, cluster.manager.name, paused.name])
    assert {first[cluster.manager], first[paused]} <= set(counted)

    code, output = play("site.yml")
    assert code == 0, output[-4000:]
    assert {board: cluster.node(board) for board in availability} == availability, "what was set stays"

    settings = {board.name: {"csvswarm_availability": "active"} for board in cluster.workers}
    code, output = play("site.yml", *host_variables(tmp_path, settings))
    assert code == 0, output[-4000:]
    assert all_ready(cluster)
    labels = {board: cluster.manager.sh(LABEL + board.name).strip() for board in availability}
    assert labels == {cluster.manager: "<no value>", drained: "<no value>", paused: "ssd"}
    cluster.manager.sh(f"docker node update --label-rm disk {paused.name}")

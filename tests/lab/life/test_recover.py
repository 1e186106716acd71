"""A swarm whose certificates have expired, and one that has lost its quorum, are recovered."""

from __future__ import annotations

import time
from functools import partial

from tests.lab.kit.lab import Lab
from tests.lab.kit.polling import wait_until
from tests.lab.life.conftest import ALL_MANAGE, THREE_MANAGERS, Play, all_ready, managers

YEARS_OFF = 11  # the certificates last ten


def set_clocks(lab: Lab, seconds: float) -> None:
    for board in lab.boards.values():
        board.sh(f"systemctl stop chrony docker.socket docker; date --set=@{seconds:.0f}; systemctl start docker")


def test_expired_certificates(cluster: Lab, play: Play) -> None:
    set_clocks(cluster, time.time() + YEARS_OFF * 366 * 86400)
    try:
        wait_until(
            "the certificate has expired",
            lambda: cluster.manager.succeeds(
                "docker info --format '{{.Swarm.Error}}' | grep 'certificate has expired'"
            ),
        )
        code, output = play("playbooks/recover.yml")
        assert code != 0
        assert "has expired, so no manager works" in output
        code, output = play("playbooks/recover.yml", "-e", "confirm=recover")
        assert code == 0, output[-4000:]
    finally:
        set_clocks(cluster, time.time())

    code, output = play("site.yml")

    assert code == 0, output[-4000:]
    assert all_ready(cluster)


def test_lost_quorum(cluster: Lab, play: Play) -> None:
    code, output = play("site.yml", inventory=THREE_MANAGERS)
    assert code == 0, output[-4000:]
    # Before a promoted board has joined the other managers, its loss costs no quorum.
    wait_until("all boards are managers", lambda: managers(cluster) == ALL_MANAGE)
    lost = [board for board in cluster.boards.values() if board != cluster.manager]
    for board in lost:
        board.cut_power()

    wait_until("the quorum is lost", lambda: not cluster.manager.succeeds("docker node ls"))
    code, output = play("playbooks/recover.yml", "-e", "confirm=recover", inventory=THREE_MANAGERS)

    assert code == 0, output[-4000:]
    assert f"{cluster.manager.name} becomes its only manager" in output
    assert cluster.manager.sh("docker node ls --format '{{.Hostname}}'").split() == [cluster.manager.name]
    # The others are switched on, and join as workers.
    for board in lost:
        board.power_on()
        wait_until(f"{board.name} boots", partial(board.succeeds, "true"), 400)
    code, output = play("site.yml")
    assert code == 0, output[-4000:]
    assert all_ready(cluster)

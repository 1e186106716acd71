"""A board that runs containers of its owner before it joins the cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import pytest

from tests.lab.kit.board import Board
from tests.lab.kit.lab import Lab
from tests.lab.kit.polling import wait_until
from tests.lab.life.conftest import Play, all_ready

SETTINGS = '{"data-root": "/var/lib/own-docker",\n "max-concurrent-downloads": 2}\n'
RUN = f"""
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2 </dev/null
apt-get install --yes --quiet=2 busybox-static </dev/null
printf '{SETTINGS}' >/etc/docker/daemon.json
systemctl enable --now docker
tar --create --directory=/ usr/bin/busybox | docker import - web:1
docker run --detach --name web --restart always web:1 /usr/bin/busybox httpd -f
"""
REMOVE = """
docker rm --force web || true
systemctl disable --now docker.socket docker
rm -rf /etc/docker/daemon.json /var/lib/own-docker
"""
CONTAINER = "docker inspect --format '{{.Id}} {{.State.Running}}' web"
STARTED = "docker inspect --format '{{.State.StartedAt}}' web"


@pytest.fixture
def board(cluster: Lab, play: Play) -> Iterator[Board]:
    """A worker that is not in the cluster, with a container and settings of its owner."""
    board = cluster.workers[-1]
    reset = ("playbooks/reset.yml", "-e", f"board={board.name}", "-e", "confirm=reset")
    try:
        code, output = play(*reset)
        assert code == 0, output[-4000:]
        board.sh(RUN, 600)
        yield board
    finally:
        play(*reset)
        board.sh(REMOVE)
        code, output = play("site.yml")
        assert code == 0, output[-4000:]


def test_containers_and_settings_of_the_owner_are_kept(cluster: Lab, play: Play, board: Board) -> None:
    container, started = board.sh(CONTAINER), board.sh(STARTED)

    code, output = play("site.yml")
    assert code != 0
    assert f"{board.name} runs containers (web) with docker.io" in output
    assert "docker_engine_take_over: true" in output
    assert board.sh(STARTED) == started
    assert board.sh("cat /etc/docker/daemon.json") == SETTINGS

    code, output = play("site.yml", "-e", "docker_engine_take_over=true")
    assert code == 0, output[-4000:]
    wait_until("all boards are ready", partial(all_ready, cluster))
    assert board.sh(CONTAINER) == container
    merged = json.loads(board.sh("cat /etc/docker/daemon.json"))
    assert json.loads(SETTINGS).items() <= merged.items()

    code, output = play("playbooks/reset.yml", "-e", f"board={board.name}", "-e", "confirm=reset")
    assert code == 0, output[-4000:]
    assert board.sh("cat /etc/docker/daemon.json") == SETTINGS
    wait_until("the container runs", lambda: board.sh(CONTAINER) == container)

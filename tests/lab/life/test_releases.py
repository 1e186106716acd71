"""A cluster of the last release of csvswarm gets this version, and a board with an old Debian the next one."""

from __future__ import annotations

import subprocess
import uuid
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.lab.faults.blocking_processors import BLOCKING
from tests.lab.faults.running_job import RunningJob
from tests.lab.kit.control_node import ROOT, ControlNode
from tests.lab.kit.lab import Lab
from tests.lab.kit.polling import wait_until
from tests.lab.life.conftest import Play, all_ready

#: The commit of the newest release, 0.4.0.
RELEASE = "3d9c64cd76b077844d0e15e83df3913324aa8016"
TRANSFORM: dict[str, Any] = {"processor": "transform", "options": {"where": "distance > 500"}, "chunks": 3}
# As Debian's release notes have it, in short.
UPGRADE = """
export DEBIAN_FRONTEND=noninteractive
find /etc/apt -name '*.list' -o -name '*.sources' | xargs sed -i s/bookworm/trixie/g
apt-get update --quiet=2 </dev/null
apt-get full-upgrade --yes --quiet=2 --option Dpkg::Options::=--force-confold </dev/null
sync
"""


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A clone of the release."""
    clone = tmp_path / "release"
    clone.mkdir()
    archive = subprocess.run(["git", "archive", RELEASE], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "--extract"], cwd=clone, input=archive, check=True)
    return clone


def test_a_cluster_of_the_last_release(cluster: Lab, play: Play, control_node: ControlNode, release: Path) -> None:
    before = ControlNode(control_node.place, release)
    code, output = play("playbooks/reset.yml", "-e", "confirm=reset")
    assert code == 0, output[-4000:]
    code, output = play("site.yml", clone=release)
    assert code == 0, output[-4000:]
    finished = before.run("swarm", f"life-{uuid.uuid4().hex[:8]}", **TRANSFORM)
    assert finished.code == 0, finished.output
    (before.place / "mine.py").write_text(BLOCKING)
    interrupted = RunningJob(cluster, before, f"life-{uuid.uuid4().hex[:8]}", {"processor": "./mine.py", "chunks": 3})
    interrupted.start()
    interrupted.wait_for_all()
    assert interrupted.playbook
    interrupted.playbook.interrupt()
    interrupted.playbook.end(300)

    code, output = play("site.yml")

    assert code == 0, output[-4000:]
    assert all_ready(cluster)
    assert play("playbooks/status.yml")[0] == 0
    refused = control_node.run("swarm", interrupted.name, **interrupted.variables)
    assert "of another version" in refused.message or "different versions" in refused.message
    removed = control_node.manage("remove", interrupted.name)
    assert removed.code == 0, removed.output
    assert cluster.leftovers(interrupted.name) == ""
    run = control_node.run("swarm", **TRANSFORM)
    assert run.files == finished.files


def test_debian_is_upgraded_in_place(cluster: Lab, play: Play, control_node: ControlNode) -> None:
    board = next(board for board in cluster.workers if "bookworm" in board.sh("cat /etc/os-release"))
    cluster.set_availability(board, "drain")
    board.sh(UPGRADE, 1500)
    board.cut_power()
    board.power_on()
    wait_until(f"{board.name} boots", partial(board.succeeds, "docker info"), 400)
    cluster.set_availability(board, "active")

    code, output = play("site.yml")

    assert code == 0, output[-4000:]
    assert "trixie" in board.sh("cat /etc/os-release")
    assert board.sh("docker version --format '{{.Server.Version}}'") >= "26"
    wait_until("all boards are ready", partial(all_ready, cluster))
    run = control_node.run("swarm", **TRANSFORM)
    assert run.files == control_node.run("local", **TRANSFORM).files
    assert board.name in {attempt["board"] for attempt in run.counted_attempts}

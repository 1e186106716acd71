"""The messages of the playbooks before they connect to a board."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Documentation addresses, which are not reachable; no test may connect to them.
BOARDS = """
all:
  children:
    swarm_manager: {hosts: {b1: {ansible_host: 192.0.2.11}}}
    swarm_worker: {hosts: {b2: {ansible_host: 192.0.2.12}}}
    nfs_server: {hosts: {b1: {}}}
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    file = tmp_path / "hosts.yml"
    file.write_text(BOARDS)
    return file


def play(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("playbook", ["site.yml", "playbooks/preflight.yml", "playbooks/status.yml"])
def test_missing_boards_error_names_the_inventory(playbook: str, tmp_path: Path) -> None:
    """As in a fresh clone: there is only the sample."""
    folder = tmp_path / "inventory"
    shutil.copytree(ROOT / "inventory", folder, ignore=shutil.ignore_patterns("hosts.yml"))

    done = play(playbook, "-i", folder)

    assert done.returncode != 0
    output = " ".join((done.stdout + done.stderr).split())
    assert f"The inventory has no boards. Add them to {folder}/hosts.yml, under swarm_manager" in output


def test_variables_without_effect_are_refused(tmp_path: Path) -> None:
    """The playbooks' own vars_files take precedence over the inventory."""
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(BOARDS.replace("all:\n", "all:\n  vars: {nfs_client_path: /data, room: 3}\n"))
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars/b2.yml").write_text("firewall_cluster: [192.0.2.1]\nfirewall_open_tcp: [80]\n")

    done = play("playbooks/preflight.yml", "-i", inventory)

    assert done.returncode != 0
    output = " ".join((done.stdout + done.stderr).split())
    assert (
        "firewall_cluster in the inventory has no effect, since the playbooks compute it. Remove it; docs/swarm.md "
        "lists the settings of a cluster. nfs_client_path in the inventory has no effect, since the playbooks compute "
        "it. Set csvswarm_share instead."
    ) in output
    assert "192.0.2.11" not in output
    assert "firewall_open_tcp" not in output


def test_share_on_a_nas_is_refused(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(BOARDS.replace("all:\n", "all:\n  vars: {csvswarm_share_source: 'nas:/export'}\n"))

    done = play("playbooks/preflight.yml", "-i", inventory)

    assert done.returncode != 0
    output = " ".join((done.stdout + done.stderr).split())
    assert "csvswarm_share_source (nas:/export): the share cannot be on a NAS that is not one of the boards" in output
    assert "192.0.2.11" not in output


def test_reset_asks_for_confirmation_first(inventory: Path) -> None:
    done = play("playbooks/reset.yml", "-i", inventory)

    assert done.returncode != 0
    assert "-e confirm=reset" in done.stdout + done.stderr
    assert "192.0.2.11" not in done.stdout + done.stderr


def test_unreachable_boards_are_reported_with_a_fix(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    # No process listens on port 1 of this machine.
    inventory.write_text(
        BOARDS.replace("192.0.2.11", "127.0.0.1, ansible_port: 1").replace("192.0.2.12", "127.0.0.2, ansible_port: 1")
    )

    done = play("playbooks/preflight.yml", "-i", inventory)

    output = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert "b1 cannot be reached at 127.0.0.1" in output
    assert "b2 cannot be reached at 127.0.0.2" in output
    assert "Then try by hand: ssh 127.0.0.2" in output


def test_connection_to_a_dead_board_times_out() -> None:
    """A persistent connection to it would otherwise block every playbook until TCP gives up (seen in the lab)."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "ansible.cfg")

    words = settings["ssh_connection"]["ssh_args"].split()
    assert {"ControlMaster=auto", "ServerAliveInterval=10", "ServerAliveCountMax=6"} <= set(words)

"""--limit and --tags do not disable checks, and no role writes a rule for an empty address."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.roles.playing import ROOT, play, words

# The interpreter fails at once, so a task that wrongly passes a check is visible and changes nothing.
BOARDS = """
all:
  vars: {ansible_connection: local, ansible_python_interpreter: /bin/false, ansible_become: false}
  children:
    swarm_manager: {hosts: {b1: }}
    swarm_worker: {hosts: {b2: , b3: }}
    nfs_server: {hosts: {b1: }}
"""

# These two also run on this machine, and select their boards themselves.
JOBS = {"run_job.yml", "jobs.yml"}
PLAYBOOKS = sorted(f"playbooks/{path.name}" for path in (ROOT / "playbooks").glob("*.yml") if path.name not in JOBS)
PARTS = [["--limit", "b2"], ["--limit", "b2", "--tags", "firewall"], ["--limit", "b2,localhost", "--tags", "untagged"]]


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    file = tmp_path / "hosts.yml"
    file.write_text(BOARDS)
    return file


def test_the_playbooks_are_found() -> None:
    assert {"playbooks/site.yml", "playbooks/preflight.yml", "playbooks/reset.yml", "playbooks/status.yml"} <= set(
        PLAYBOOKS
    )


@pytest.mark.parametrize("part", PARTS, ids=" ".join)
@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_part_of_the_cluster_is_refused(inventory: Path, playbook: str, part: list[str]) -> None:
    confirm = ["-e", "confirm=reset"] if playbook == "playbooks/reset.yml" else []
    done = play(playbook, "-i", inventory, *confirm, *part)

    # Tags that skip the check skip all other tasks too. Ansible validates the arguments of roles with any tags.
    tasks = [name for name in re.findall(r"TASK \[(.+?)\] \*", done.stdout) if "Validating arguments" not in name]
    if tasks or "--tags" not in part:
        assert done.returncode != 0
        assert "leaves out b1, b3." in words(done)
    assert "deserialization" not in words(done), "a task reached a board"


@pytest.mark.parametrize("arguments", [[], ["--limit", "b1,b2,b3"], ["--tags", "untagged"]], ids=" ".join)
def test_reset_always_requires_confirmation(inventory: Path, arguments: list[str]) -> None:
    done = play("playbooks/reset.yml", "-i", inventory, *arguments)

    assert done.returncode != 0
    assert "-e confirm=reset" in words(done)
    assert "deserialization" not in words(done), "a task reached a board"


def test_limit_including_every_board_is_accepted(inventory: Path) -> None:
    done = play("playbooks/preflight.yml", "-i", inventory, "--limit", "all")

    assert "leaves out" not in words(done)
    assert all(f"{board}: " in words(done) for board in ("b1", "b2", "b3"))
    assert "Nothing was changed on any board." in words(done)


@pytest.mark.parametrize(
    ("role", "variables", "message"),
    [
        ("firewall", "{firewall_cluster: ['', 192.0.2.2]}", "b1: the firewall needs"),
        ("firewall", "{firewall_cluster: []}", "b1: the firewall needs"),
        (
            "board",
            "{board_seen: {hostname: b1}, board_hosts: [{name: b9, address: ''}]}",
            "b1: there is no address for b9",
        ),
        ("board", "{board_seen: {hostname: b1}, board_time_clients: ['']}", "b1: there is no address for one of"),
    ],
)
def test_a_role_refuses_an_empty_address(
    inventory: Path, tmp_path: Path, role: str, variables: str, message: str
) -> None:
    playbook = tmp_path / "alone.yml"
    playbook.write_text(f"- {{hosts: b1, gather_facts: false, roles: [{role}], vars: {variables}}}\n")

    done = play(playbook, "-i", inventory, ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"))

    assert done.returncode != 0
    assert message in words(done)
    assert "deserialization" not in words(done), "a task reached the board"

"""A board has one program that sets its clock: the one of its system's image stops when chrony comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.roles.playing import ROOT
from tests.roles.pretended import Boards

SHOWN = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n"
PLAY = """
- hosts: swarm_manager
  gather_facts: false
  vars: {board_services: [%s]}
  tasks:
    - ansible.builtin.include_role: {name: board, tasks_from: replaced_clock.yml}
"""


@pytest.mark.parametrize(
    ("services", "stops"), [("systemd-timesyncd.service, ssh.service", 1), ("chrony.service, ssh.service", 0)]
)
def test_timesyncd_is_stopped_where_it_runs(tmp_path: Path, services: str, stops: int) -> None:
    boards = Boards(tmp_path)
    boards.make({"swarm_manager": ["b1"]}, ["systemctl"])
    boards.answer("b1", "systemctl show systemd-timesyncd.service", SHOWN)
    (tmp_path / "play.yml").write_text(PLAY % services)

    done = boards.play(str(tmp_path / "play.yml"))

    assert done.returncode == 0, done.stdout
    assert boards.journal().count("b1 systemctl stop systemd-timesyncd.service") == stops


def test_it_is_stopped_before_packages_come() -> None:
    present = (ROOT / "roles/board/tasks/present.yml").read_text()

    assert 0 < present.index("replaced_clock.yml") < present.index("policy_rc_d")

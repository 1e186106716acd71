"""What the firewall's script loads, and when: with a stand-in for iptables that notes its arguments."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "roles/firewall/files/csvswarm-firewall"


class Board:
    """A folder of rules, and what was done with them."""

    def __init__(self, path: Path) -> None:
        self.rules = path / "rules"
        self.rules.mkdir()
        self.noted = path / "noted"
        (path / "bin").mkdir()
        for name in ("iptables", "iptables-restore", "ip6tables", "ip6tables-restore"):
            program = path / "bin" / name
            # There is no chain and no rule, so -D and -S fail: "stop" has nothing left to do.
            program.write_text(
                f'#!/bin/sh\necho {name} "$@" >>{self.noted}\ncase "$*" in *" -D "*|*" -S "*) exit 1;; esac\n'
            )
            program.chmod(0o755)
        self.path = f"{path / 'bin'}:{os.environ['PATH']}"

    def write(self, text: str) -> None:
        for version in ("v4", "v6"):
            (self.rules / f"firewall.{version}").write_text(text)

    def call(self, verb: str) -> int:
        self.noted.write_text("")
        environment = {"PATH": self.path, "CSVSWARM_FIREWALL": str(self.rules)}
        return subprocess.run([SCRIPT, verb], env=environment, check=False, timeout=30).returncode

    def loaded(self) -> str:
        """Return the rules that the last call loaded for IPv4."""
        found = [
            line.split()[-1] for line in self.noted.read_text().splitlines() if line.startswith("iptables-restore ")
        ]
        return Path(found[0]).read_text() if found else ""


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_new_rules_are_tried_and_kept_once_confirmed(board: Board) -> None:
    board.write("first")

    assert board.call("confirmed") == 1
    assert board.call("try") == 0
    assert board.loaded() == "first"
    assert board.call("confirmed") == 1
    assert board.call("confirm") == 0
    assert board.call("confirmed") == 0


@pytest.mark.parametrize("verb", ["start", "undo"])
def test_a_boot_and_the_undo_bring_back_the_last_rules_that_let_ansible_in(board: Board, verb: str) -> None:
    board.write("first")
    board.call("confirm")
    board.write("second, which locks Ansible out")
    board.call("try")

    assert board.call(verb) == 0
    assert board.loaded() == "first"
    # A later run tries again, instead of taking the written rules for the ones in force.
    assert board.call("confirmed") == 1


@pytest.mark.parametrize("verb", ["start", "undo"])
def test_without_rules_that_were_confirmed_there_are_none(board: Board, verb: str) -> None:
    board.write("first")
    board.call("try")

    assert board.call(verb) == 0
    assert board.loaded() == ""
    assert "iptables --wait 30 -D INPUT -j CSVSWARM" in board.noted.read_text()

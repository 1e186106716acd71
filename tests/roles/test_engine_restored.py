"""A reset restores a board's own Docker: the role's tasks, with a fake systemctl that records its calls."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.roles.playing import ROOT, play, words

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to root")

THEIRS = '{ "data-root": "/mnt/ssd" }\n'
OURS = {"live-restore": False, "log-driver": "json-file"}

# It records which units were stopped and disabled.
SYSTEMCTL = """#!/bin/sh
cd FOLDER
echo "$@" >>calls
case $1 in
show) [ -e installed ] || { echo LoadState=not-found; exit; }
    echo LoadState=loaded
    if [ -e "stop-$2" ]; then echo ActiveState=inactive; else echo ActiveState=active; fi ;;
is-enabled) if [ -e "disable-$2" ]; then echo disabled; exit 1; else echo enabled; fi ;;
stop | disable) touch "$1-$2" ;;
start) rm "stop-$2" ;;
enable) rm "disable-$2" ;;
esac
"""


class Board:
    """The state that the role finds, as files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conf = folder / "daemon.json"
        self.record = folder / "csvswarm.json"
        (folder / "bin").mkdir()
        (folder / "bin/systemctl").write_text(SYSTEMCTL.replace("FOLDER", str(folder)))
        (folder / "bin/systemctl").chmod(0o755)
        (folder / "hosts.yml").write_text(
            f"all: {{hosts: {{b1: {{ansible_connection: local, ansible_python_interpreter: {sys.executable}}}}}}}\n"
        )
        (folder / "play.yml").write_text("- {hosts: b1, gather_facts: false, roles: [docker_engine]}\n")

    def reset(self) -> str:
        """Run the role with the state absent."""
        answers = "".join(
            f"file {name} {base64.b64encode(path.read_bytes()).decode()}\n"
            for name, path in {"daemon": self.conf, "csvswarm": self.record}.items()
            if path.exists()
        )
        (self.folder / "answers").write_text(answers)
        variables = {
            "docker_engine_state": "absent",
            "__docker_engine_probe": f"cat {self.folder}/answers",
            "__docker_engine_conf": str(self.conf),
            "__docker_engine_record": str(self.record),
            "__docker_engine_source": str(self.folder / "source"),
            "__docker_engine_unapplied": str(self.folder / "note"),
        }
        done = play(
            *(self.folder / "play.yml", "-i", self.folder / "hosts.yml", "-e", json.dumps(variables)),
            ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"),
            PATH=f"{self.folder}/bin:{os.environ['PATH']}",
        )
        assert done.returncode == 0, done.stdout
        return words(done)

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


def write(board: Board, current: dict[str, Any], **record: Any) -> None:
    board.conf.write_text(json.dumps(current))
    board.record.write_text(json.dumps({"written": OURS} | record))


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_reset_restarts_a_previous_engine_with_its_settings(board: Board) -> None:
    (board.folder / "installed").touch()
    write(board, OURS | {"data-root": "/mnt/ssd"}, original=THEIRS, engine="docker-ce 28.0.1")

    board.reset()

    assert board.conf.read_text() == THEIRS
    assert not board.record.exists()
    calls = [
        call for call in board.calls() if call.endswith(" docker.service") and not call.startswith(("show", "is-"))
    ]
    assert sorted(calls[:2]) == ["disable docker.service", "stop docker.service"]
    assert sorted(calls[2:]) == ["enable docker.service", "start docker.service"]


def test_an_engine_of_the_role_s_own_stays_off(board: Board) -> None:
    (board.folder / "installed").touch()
    write(board, OURS, original=None, engine="")

    board.reset()

    assert not board.conf.exists()
    assert not [call for call in board.calls() if call.startswith(("start", "enable"))]


def test_board_without_an_engine_can_be_reset(board: Board) -> None:
    """site.yml failed before it reached this board."""
    assert "failed=0" in board.reset()


def test_settings_of_a_user_without_a_record_are_kept(board: Board) -> None:
    board.conf.write_text(THEIRS)

    board.reset()

    assert board.conf.read_text() == THEIRS

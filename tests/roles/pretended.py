"""Boards that are folders: each has programs that answer as recorded, and a journal of their calls."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.roles.playing import ROOT, play

# Prints the first recorded answer whose words are a prefix of the program's arguments, and that is not used up.
PROGRAM = """#!/bin/sh
echo "$BOARD $(basename "$0") $*" >>"$PRETENDED/journal"
for answer in "$PRETENDED/$BOARD/answers/$(basename "$0")"/*; do
    [ -e "$answer/words" ] || continue
    case "$* " in "$(cat "$answer/words") "*) ;; *) continue ;; esac
    if [ -e "$answer/times" ]; then
        left=$(cat "$answer/times")
        [ "$left" -gt 0 ] || continue
        echo $((left - 1)) >"$answer/times"
    fi
    cat "$answer/stdout"
    exit "$(cat "$answer/code")"
done
"""
SHELL = """#!/bin/sh
export PRETENDED={folder} BOARD={board} PATH={folder}/bin:$PATH
exec /bin/sh "$@"
"""


@dataclass(frozen=True)
class Boards:
    """An inventory of boards in a folder."""

    folder: Path

    def make(self, groups: dict[str, list[str]], programs: list[str], off: Sequence[str] = ()) -> None:
        """Write the inventory. off: boards that cannot be reached."""
        (self.folder / "bin").mkdir()
        for program in programs:
            (self.folder / "bin" / program).write_text(PROGRAM)
            (self.folder / "bin" / program).chmod(0o755)
        hosts = {}
        for number, board in enumerate(sorted({name for names in groups.values() for name in names}), start=11):
            shell = self.folder / board / "sh"
            shell.parent.mkdir()
            shell.write_text(SHELL.format(folder=shlex.quote(str(self.folder)), board=board))
            shell.chmod(0o755)
            hosts[board] = {
                "ansible_connection": "ssh" if board in off else "local",
                "ansible_host": "127.0.0.1",
                "ansible_port": 1,  # a port without a listener: a board that is off
                "ansible_become": False,
                "ansible_python_interpreter": sys.executable,
                "ansible_shell_executable": str(shell),
                "board_address": f"192.0.2.{number}",
            }
        children = {group: {"hosts": dict.fromkeys(names)} for group, names in groups.items()}
        inventory = {"all": {"hosts": hosts, "children": children}}
        (self.folder / "hosts.json").write_text(json.dumps(inventory))

    def answer(
        self, board: str, command: str, stdout: str | dict[str, Any] = "", code: int = 0, times: int | None = None
    ) -> None:
        """Record what a program prints when its words begin with these; the first that was recorded wins.

        times: how often; then the next one that was recorded answers.
        """
        program, _, words = command.partition(" ")
        answers = self.folder / board / "answers" / program
        answers.mkdir(parents=True, exist_ok=True)
        place = answers / f"{len(list(answers.iterdir())):03d}"
        place.mkdir()
        (place / "words").write_text(words)
        (place / "stdout").write_text(stdout if isinstance(stdout, str) else json.dumps(stdout))
        (place / "code").write_text(str(code))
        if times is not None:
            (place / "times").write_text(str(times))

    def journal(self) -> list[str]:
        """Return the calls of the programs, as "board program arguments"."""
        file = self.folder / "journal"
        return file.read_text().splitlines() if file.exists() else []

    def play(self, playbook: str | Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook of the project on the boards."""
        return play(
            ROOT / playbook, "-i", self.folder / "hosts.json", *arguments, ANSIBLE_CONFIG=str(ROOT / "ansible.cfg")
        )

"""Files written by a role take effect even if the run fails before its handlers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.roles.playing import ROOT, play

# Roles with handlers that a failed run would lose. Both the tasks and the handlers must use the note.
NOTED = ["board", "docker_engine"]

PLAY = """
- hosts: b1
  gather_facts: false
  any_errors_fatal: true
  handlers:
    - {name: Restart, command: touch FOLDER/restarted, when: "'FOLDER/conf' in written.written"}
    - {name: In force, file: {path: FOLDER/run/note, state: absent}}
  tasks:
    - write_files:
        files: [{path: FOLDER/conf, content: new}]
        note: FOLDER/run/note
      register: written
      notify: [Restart, In force]
    - fail: {msg: something else}
      when: lost | bool
"""


def tasks_of(role: str, kind: str) -> list[dict[str, Any]]:
    """Return all tasks or handlers of a role."""
    return [
        task
        for file in sorted((ROOT / "roles" / role / kind).glob("*.yml"))
        for task in yaml.safe_load(file.read_text())
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to root")
def test_lost_handler_runs_on_the_next_run(tmp_path: Path) -> None:
    inventory, playbook = tmp_path / "hosts.yml", tmp_path / "play.yml"
    inventory.write_text(
        "all: {hosts: {b1: {ansible_connection: local, ansible_python_interpreter: PYTHON}}}\n".replace(
            "PYTHON", sys.executable
        )
    )
    playbook.write_text(PLAY.replace("FOLDER", str(tmp_path)))

    def run(lost: bool) -> str:
        environment = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
        return play(playbook, "-i", inventory, "-e", f"lost={lost}", **environment).stdout

    run(lost=True)
    assert not (tmp_path / "restarted").exists()

    assert "changed=3" in run(lost=False)
    assert (tmp_path / "restarted").exists()
    assert "changed=0" in run(lost=False)


@pytest.mark.parametrize("role", NOTED)
def test_role_records_pending_handlers(role: str) -> None:
    [task] = [task for task in tasks_of(role, "tasks") if "write_files" in task and "notify" in task]
    note = task["write_files"]["note"]

    removers = {
        handler["name"]
        for handler in tasks_of(role, "handlers")
        if handler.get("ansible.builtin.file") == {"path": note, "state": "absent"} and "when" not in handler
    }
    assert removers & set(task["notify"])
    # Handlers run in file order, so the note is removed after the others have run.
    applying = [handler["name"] for handler in tasks_of(role, "handlers") if handler["name"] in task["notify"]]
    assert applying[-1] in removers
    variables = yaml.safe_load((ROOT / "roles" / role / "vars/main.yml").read_text())
    assert variables[note.strip("{} ")].startswith("/run/"), "a reboot applies what was written"

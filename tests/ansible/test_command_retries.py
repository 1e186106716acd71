"""No task takes an empty answer for one: Ansible loses what a command says in the moment in which it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.jobs import ROOT

ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
COMMANDS = {"ansible.builtin.command", "ansible.builtin.shell"}


def tasks(path: Path) -> Iterator[dict[str, Any]]:
    """All tasks of a file, those in blocks too."""
    found = yaml.safe_load(path.read_text()) or []
    while found:
        task = found.pop(0)
        yield task
        for name in ("block", "rescue", "always"):
            found += task.get(name, [])


@pytest.mark.parametrize("role", ROLES)
def test_tasks_retry_commands_whose_output_is_empty(role: str) -> None:
    folder = ROOT / "roles" / role
    files = [path for path in folder.rglob("*") if path.suffix in {".yml", ".j2"} and path.is_file()]
    text = "\n".join(path.read_text() for path in files)
    # What only decides whether a task has changed something is lost without harm.
    text = re.sub(r"^ *changed_when: .*$", "", text, flags=re.MULTILINE)
    for path in (folder / "tasks").rglob("*.yml"):
        for task in tasks(path):
            register = task.get("register")
            if register and COMMANDS & task.keys() and re.search(rf"\b{register}\.stdout", text):
                assert "until" in task, f"{path.relative_to(ROOT)}: {task['name']}"

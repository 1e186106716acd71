"""No role reads the output of a command: Ansible may lose it (docs/architecture.md). run_program returns all of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
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
def test_no_role_reads_the_output_of_a_command(role: str) -> None:
    folder = ROOT / "roles" / role
    files = [path for path in folder.rglob("*") if path.suffix in {".yml", ".j2"} and path.is_file()]
    text = "\n".join(path.read_text() for path in files)
    # Output that only decides whether a task has changed something may be lost.
    text = re.sub(r"^ *changed_when: .*$", "", text, flags=re.MULTILINE)
    for path in (folder / "tasks").rglob("*.yml"):
        for task in tasks(path):
            register = task.get("register")
            if register and COMMANDS & task.keys():
                assert not re.search(rf"\b{register}\.stdout", text), f"{path.relative_to(ROOT)}: {task['name']}"


def program(*argv: str, check: bool = False, **arguments: Any) -> dict[str, Any]:
    """Run the module as Ansible does on a board, without Ansible around it."""
    parameters = {"_ansible_check_mode": check, **({"argv": argv} if argv else {}), **arguments}
    done = subprocess.run(
        [sys.executable, ROOT / "playbooks/library/run_program.py"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": parameters}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_whole_output_of_a_program_is_returned(tmp_path: Path) -> None:
    answer = program(script="seq 100000; echo to the other >&2; printf 'no line end'")

    assert (answer["rc"], answer["stderr_lines"], answer["changed"]) == (0, ["to the other"], True)
    assert answer["stdout_lines"] == [*map(str, range(1, 100001)), "no line end"]
    assert program("printf", "%s", "$HOME {{ 1 }}")["stdout"] == "$HOME {{ 1 }}"
    mark = tmp_path / "mark"
    assert program("touch", str(mark), check=True)["skipped"]
    assert not mark.exists()


@pytest.mark.parametrize(("argv", "code"), [(["false"], 1), (["sh", "-c", "echo why >&2; exit 7"], 7), (["nobody"], 2)])
def test_failing_program(argv: list[str], code: int) -> None:
    answer = program(*argv)

    assert (answer["failed"], answer["rc"]) == (True, code)
    assert ("why" in answer["stderr"]) == (code == 7)

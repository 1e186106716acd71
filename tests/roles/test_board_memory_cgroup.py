"""The edit of a Raspberry Pi's kernel command line, with Ansible's own module. No lab board has such a file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORDS = "cgroup_enable=cpuset cgroup_enable=memory cgroup_memory=1"
FACTORY = "console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait"


def edit() -> dict[str, Any]:
    """Return the arguments of the role's task."""
    tasks = yaml.safe_load((ROOT / "roles/board/tasks/memory_cgroup.yml").read_text())
    [block] = [task["block"] for task in tasks if "block" in task]
    [arguments] = [task["ansible.builtin.lineinfile"] for task in block if "ansible.builtin.lineinfile" in task]
    return dict(arguments)


def apply(file: Path) -> bool:
    """Run the task on a file and return whether it changed the file."""
    arguments = edit() | {"path": str(file)}
    command = [
        str(Path(sys.executable).parent / "ansible"), "localhost", "--module-name", "ansible.builtin.lineinfile",
        "--connection", "local", "--extra-vars", f"ansible_python_interpreter={sys.executable}",
        "--args", json.dumps(arguments), "--one-line",
    ]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return "| CHANGED" in done.stdout


@pytest.mark.parametrize("end", ["\n", "", " \n"])
def test_kernel_options_are_added_once(tmp_path: Path, end: str) -> None:
    file = tmp_path / "cmdline.txt"
    file.write_text(FACTORY + end)

    assert apply(file)
    assert file.read_text().strip() == f"{FACTORY} {WORDS}"
    assert not apply(file)


def test_kernel_command_line_with_the_options_is_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "cmdline.txt"
    file.write_text(f"console=tty1 cgroup_enable=memory {FACTORY}\n")

    assert not apply(file)


def test_similar_kernel_option_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "cmdline.txt"
    file.write_text(f"{FACTORY} cgroup_disable=memory\n")

    assert apply(file)
    assert file.read_text().strip().endswith(f"cgroup_disable=memory {WORDS}")

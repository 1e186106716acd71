"""Run playbooks of the project as users do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def play(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook in the clone; its standard error is part of its standard output."""
    return subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )


def words(done: subprocess.CompletedProcess[str]) -> str:
    """Return output as one line with single blanks, because Ansible wraps its messages."""
    return " ".join(done.stdout.split())

"""Fixtures: a fresh clone for each test, and the real ansible-playbook."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ANSIBLE_PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
# The tracked files that a playbook run reads.
PARTS = ("ansible.cfg", "run_job.yml", "playbooks", "inventory", "roles", "scripts", "files")


@dataclass(frozen=True)
class PlaybookResult:
    """The exit code and the output of ansible-playbook."""

    code: int
    output: str

    @property
    def message(self) -> str:
        """The message at the end of a failed run. Asserts that it is the only one and is not repeated."""
        assert self.code, self.output
        before, *messages = re.split(r"^ERROR(?: on [^:\n]+)?: ", self.output, flags=re.MULTILINE)
        assert len(messages) == 1, self.output
        message = messages[0].strip()
        assert message not in before, self.output
        return message

    @property
    def summary(self) -> str:
        """The job information from the last task."""
        assert self.code == 0, self.output
        found = re.search(
            r"(?s:.*)^TASK \[processing_job : Report .*\n((?s:.*?))\nPLAY RECAP", self.output, re.MULTILINE
        )
        assert found, self.output
        return found[1]


@dataclass(frozen=True)
class Clone:
    """A writable clone of the repository."""

    root: Path

    def run_job(self, *arguments: str, stand: Path | None = None, config: bool = True) -> PlaybookResult:
        """Run run_job.yml in the directory `stand` (the clone's root by default)."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        # A caller other than a shell leaves PWD unchanged, which must not matter.
        env |= {"ANSIBLE_NOCOLOR": "1", "PWD": "/"}
        if config:
            env["ANSIBLE_CONFIG"] = str(self.root / "ansible.cfg")
        done = subprocess.run(
            [ANSIBLE_PLAYBOOK, self.root / "run_job.yml", *arguments],
            cwd=stand or self.root,
            env=env,
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return PlaybookResult(done.returncode, done.stdout)

    def files(self) -> set[Path]:
        """Return all files and directories in the clone except compiled Python."""
        return {path for path in self.root.rglob("*") if "__pycache__" not in path.parts}


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    root = tmp_path / "clone"
    root.mkdir()
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *PARTS],
        cwd=ROOT,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout
    for name in filter(None, tracked.split("\0")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name, follow_symlinks=False)
    return Clone(root)

"""A fresh clone for a test to work in, and a hand on the real ansible-playbook."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ANSIBLE_PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
# What a run of a playbook reads: all that git keeps of these.
PARTS = ("ansible.cfg", "run_job.yml", "playbooks", "inventory", "roles", "scripts", "files")


@dataclass(frozen=True)
class Run:
    """How a run of ansible-playbook ended."""

    code: int
    output: str

    @property
    def message(self) -> str:
        """The message of the one task that failed."""
        failures = re.findall(r"^fatal: .* => ?\n((?:    .*\n|\n)+)", self.output, re.MULTILINE)
        assert len(failures) == 1, self.output
        failure: dict[str, Any] = yaml.safe_load(failures[0])
        # Nothing but the message: no dump of a command.
        assert failure.keys() == {"changed", "msg"}, self.output
        return str(failure["msg"])

    @property
    def summary(self) -> str:
        """What the last task says of the job."""
        found = re.search(r"^    msg: \|-?\n((?:        .*\n|\n)+)", self.output, re.MULTILINE)
        assert self.code == 0, self.output
        assert found, self.output
        return re.sub("^ {8}", "", found[1], flags=re.MULTILINE)


@dataclass(frozen=True)
class Clone:
    """A clone of the repository that a test may write into."""

    root: Path

    def run_job(self, *arguments: str, stand: Path | None = None, config: bool = True) -> Run:
        """Run run_job.yml as a user who stands in `stand` (the clone's root) would."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        # A caller that is no shell leaves PWD as it was: it must not matter.
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
        return Run(done.returncode, done.stdout)

    def files(self) -> set[Path]:
        """Every file and directory in the clone, but for what Python compiles."""
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

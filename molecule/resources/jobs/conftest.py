"""ansible-playbook run_job.yml, on the boards of the lab and on this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "files/samples/flights.csv"
ANSIBLE_PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
# What the lab's host has, where no registry answers.
BASE = "debian:trixie"


@dataclass(frozen=True)
class Run:
    """How a run of ansible-playbook ended, and where its result is."""

    code: int
    output: str
    result: Path

    @property
    def message(self) -> str:
        """The message of the task that failed last."""
        assert self.code, self.output
        failures = re.findall(r"^fatal: .* => ?\n((?:    .*\n|\n)+)", self.output, re.MULTILINE)
        return str(yaml.safe_load(failures[-1])["msg"])

    @property
    def files(self) -> dict[str, bytes]:
        """The files that make the result."""
        assert self.code == 0, self.output
        names = ("result.csv", "rejected.csv")
        return {name: (self.result / name).read_bytes() for name in names if (self.result / name).exists()}

    @property
    def report(self) -> dict[str, Any]:
        """What job.json tells."""
        assert self.code == 0, self.output
        found: dict[str, Any] = json.loads((self.result / "job.json").read_text())
        return found


@dataclass(frozen=True)
class Desk:
    """A directory that a user stands in."""

    place: Path

    def command(self, engine: str, job: str, said: dict[str, Any]) -> list[str]:
        inventories = json.loads(os.environ["CSVSWARM_INVENTORIES"]) if engine == "swarm" else []
        told = {
            "input": str(SAMPLE),
            "image_base": BASE,
            "engine": engine,
            "job_id": job,
            "output": f"out-{job}",
            **said,
        }
        return [str(ANSIBLE_PLAYBOOK), *inventories, str(ROOT / "run_job.yml"), "-e", json.dumps(told)]

    def environment(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        return env | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}

    def run(self, engine: str, job: str = "", **said: Any) -> Run:
        """Run a job to its end."""
        job = job or f"{engine}-{uuid.uuid4().hex[:8]}"
        done = subprocess.run(
            self.command(engine, job, said),
            cwd=self.place,
            env=self.environment(),
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=900,
        )
        return Run(done.returncode, done.stdout, self.place / f"out-{job}")

    def ask(self, host: str, module: str, arguments: str) -> str:
        """Run one module on a board, as root, and return what ansible says."""
        inventories = json.loads(os.environ["CSVSWARM_INVENTORIES"])
        ansible = ANSIBLE_PLAYBOOK.with_name("ansible")
        words = "--become", "--one-line", f"--module-name={module}", f"--args={arguments}"
        done = subprocess.run(
            [ansible, *inventories, host, *words],
            cwd=ROOT,
            env=self.environment(),
            check=True,
            text=True,
            capture_output=True,
        )
        return done.stdout


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)

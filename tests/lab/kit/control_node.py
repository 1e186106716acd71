"""ansible-playbook run_job.yml, on the boards of the lab and on this machine."""

from __future__ import annotations

import json
import os
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.kit.job_run import Run
from tests.lab.kit.playbook_process import Playbook

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "files/samples/flights.csv"
ANSIBLE_PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
# What the lab's host has, where no registry answers.
BASE = "debian:trixie"


@dataclass(frozen=True)
class ControlNode:
    """A user's current directory, in which playbooks run, and his clone."""

    place: Path
    clone: Path = ROOT

    def command(self, engine: str, job: str, variables: dict[str, Any]) -> list[str]:
        inventories = json.loads(os.environ["CSVSWARM_INVENTORIES"]) if engine == "swarm" else []
        arguments = {
            "input": str(SAMPLE),
            "image_base": BASE,
            "engine": engine,
            "job_id": job,
            "output": f"out-{job}",
            **variables,
        }
        return [str(ANSIBLE_PLAYBOOK), *inventories, str(self.clone / "run_job.yml"), "-e", json.dumps(arguments)]

    def manage(self, action: str, job: str, **variables: Any) -> Run:
        """Run playbooks/jobs.yml on the boards to its end."""
        inventories = json.loads(os.environ["CSVSWARM_INVENTORIES"])
        arguments = json.dumps({"action": action, "job_id": job, "output": f"out-{job}", **variables})
        command = [str(ANSIBLE_PLAYBOOK), *inventories, str(self.clone / "playbooks/jobs.yml"), "-e", arguments]
        log = self.place / f"{action}-{uuid.uuid4().hex[:8]}.log"
        return self.end(job, Playbook.start(command, self.place, self.environment(), log))

    def environment(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        return env | {"ANSIBLE_CONFIG": str(self.clone / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}

    def start(self, job: str, variables: dict[str, Any], engine: str = "swarm", **environment: str) -> Playbook:
        """Start a job. Its output goes to a file of its own."""
        log = self.place / f"{job}-{uuid.uuid4().hex[:8]}.log"
        return Playbook.start(self.command(engine, job, variables), self.place, self.environment() | environment, log)

    def run(self, engine: str, job: str = "", **variables: Any) -> Run:
        """Run a job to its end."""
        job = job or f"{engine}-{uuid.uuid4().hex[:8]}"
        return self.end(job, self.start(job, variables, engine))

    def end(self, job: str, process: Playbook) -> Run:
        """Wait for the end of a job."""
        return Run(process.end(), process.output, self.place / f"out-{job}")

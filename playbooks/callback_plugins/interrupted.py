"""Prints the last line of an interrupted run: what is done, and how to resume, watch or remove the job."""

from __future__ import annotations

import atexit
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: interrupted
type: aggregate
short_description: Print how to continue after an interruption
description:
  - After Ctrl-C, Ansible ends without running another task. This callback then prints one line.
  - A job on boards continues without this machine. A job on this machine has stopped.
"""

CLONE = Path(__file__).resolve().parents[2]
#: Facts of the role processing_job: the job's name, and the parent of its directory (empty for a job on boards).
JOB, PARENT = "__processing_job_id", "__processing_job_local_parent"


#: The task that begins once a job is deployed.
WATCH = "processing_job_watch"


class CallbackModule(CallbackBase):
    """The callback. Loaded with these playbooks; it prints nothing unless a job began and did not end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "interrupted"

    def __init__(self) -> None:
        super().__init__()
        self._job = self._parent = ""
        self._deployed = False
        self._process = os.getpid()
        atexit.register(self._at_exit)

    def v2_runner_on_ok(self, result: Any) -> None:
        """Record the job of the run."""
        facts = result.result.get("ansible_facts") or {}
        if PARENT in facts:  # not when jobs.yml only shows a job
            self._job, self._parent = str(facts[JOB]), str(facts[PARENT])

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Record that the job runs on the boards."""
        del is_conditional
        self._deployed |= task.action == WATCH

    def v2_playbook_on_stats(self, _stats: Any) -> None:
        """Record that the run ended normally."""
        self._job = ""

    def _at_exit(self) -> None:
        if self._job and os.getpid() == self._process:
            directory = Path(self._parent, self._job) if self._parent else None
            line = last_line(self._job, directory, deployed=self._deployed)
            self._display.display(line, color=constants.COLOR_ERROR, stderr=True)


def last_line(job: str, directory: Path | None, *, deployed: bool = False) -> str:
    """Return the line. directory: the job's directory on this machine, None for a job on boards.

    deployed: whether a job on boards was deployed, and so continues.
    """
    manage = command("playbooks/jobs.yml")
    if directory is None and deployed:
        ways = "   ".join(
            f"{name}: {manage} -e action={name.lower()} -e job_id={job}" for name in ("Watch", "Fetch", "Stop")
        )
        return f"No longer watching: job {job} continues on the boards. {ways}"
    if directory is None:
        return f"Stopped before job {job} was deployed: nothing runs on the boards. Rerun the same command."
    ways = f"Resume: {command('run_job.yml')} -e job_id={job}   Remove: {manage} -e action=remove -e job_id={job}"
    try:
        chunks = len(json.loads((directory / "manifest.json").read_text())["chunks"])
    except (OSError, ValueError, KeyError):
        return f"Stopped before the input of job {job} was split: nothing is done. Rerun the same command."
    done = {receipt["chunk"] for receipt in receipts(directory) if receipt.get("status") == "done"}
    return f"Stopped. {len(done)} of {chunks} chunks of job {job} are done and kept. {ways}"


def command(playbook: str) -> str:
    """Return the command that runs a playbook of this clone from the current directory."""
    return f"ansible-playbook {playbook if Path.cwd() == CLONE else CLONE / playbook}"


def receipts(directory: Path) -> list[dict[str, Any]]:
    """Return the receipts of a job's directory that can be read."""
    found = []
    for path in sorted(directory.glob("receipts/*.json")):
        with suppress(OSError, ValueError):
            found.append(json.loads(path.read_text()))
    return found

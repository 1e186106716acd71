"""List, show, remove or prune the jobs in a folder of job directories."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import AbstractContextManager, suppress
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.processing_job_about import Budget, facts, nothing
from ansible.module_utils.processing_job_files import (
    Damaged,
    acting_as,
    entries,
    folder,
    read_json,
    remove_folder,
)
from ansible.module_utils.processing_job_job_state import DAMAGED, DONE, RUNNING, UNFINISHED
from ansible.module_utils.processing_job_status import FINAL, STALE_AFTER, read_status
from ansible.module_utils.processing_job_text import printable_line

DOCUMENTATION = """
module: processing_job_jobs
short_description: List, show, remove or prune csvswarm jobs
description:
  - Reads job directories, whose processors may have written anything into them. A job whose files are not what csvswarm
    writes is reported as damaged, and does not hide the others.
  - On a share it reads and removes what belongs to the share's owner as that owner.
options:
  place:
    description: The folder that holds the folder C(jobs). On a share also C(results), C(requests) and what was sent.
    type: str
    required: true
  action:
    description: What to do.
    type: str
    choices: [list, show, remove, prune]
    default: list
  job:
    description: The job to show or remove, by its name or by the name that a list prints.
    type: str
    default: ""
  days:
    description:
      - Prune removes the jobs that were last written to this many days ago or longer, whether they are done, failed or
        were interrupted. It keeps running and damaged ones, and on a share those that are unfinished and were written
        to less than a day ago.
    type: float
    default: 7
  owner:
    description: User id of the owner of the share. Without it the folder belongs to this machine's user.
    type: int
author: csvswarm
"""
EXAMPLES = """
- name: List the jobs on the share
  processing_job_jobs:
    place: /srv/csvswarm
    owner: 8765
"""
RETURN = """
jobs:
  description: The jobs, with all that is known of them. Text in it has its control characters escaped.
  returned: unless action is prune
  type: list
removed:
  description: Names of the jobs, and of what was sent, that prune has removed.
  returned: when action is prune
  type: list
"""

DAY = 86_400
LOCK = "csvswarm.lock"
#: The folders of what was sent to a share.
SENT = ("inputs", "processors", "images")
#: How many jobs a folder may have.
JOBS = 10_000
#: Bytes of JSON that are read of one job, and of all.
JOB_BYTES, ALL_BYTES = 64_000_000, 512_000_000


class Jobs:
    """The jobs in an open folder. owner: of the share that it is on, None on this machine."""

    def __init__(self, place: int, owner: int | None) -> None:
        self._place = place
        self._owner = owner
        self._left = ALL_BYTES
        #: A user may have put this machine's jobs on another disk, by a link. On a share that would be somebody else's.
        self._follow = owner is None

    def names(self) -> list[str]:
        """Return the names of the job directories, and of links in their place."""
        try:
            with self._folder("jobs") as jobs:
                return sorted(
                    entry.name
                    for entry in entries(jobs, JOBS)
                    if entry.is_dir(follow_symlinks=False) or entry.is_symlink()
                )
        except FileNotFoundError:
            return []

    def find(self, asked: str) -> list[str]:
        """Return the job of that name, or of the name that is printed like that; none when there is none."""
        names = self.names()
        return [name for name in names if name == asked] or [name for name in names if printable_line(name) == asked]

    def about(self, name: str, *, full: bool = False) -> dict[str, Any]:
        """Return what is known of a job. full: with its errors, its logs and what it was asked for."""
        shared = self._owner is not None
        found: dict[str, Any] = nothing(name)
        found |= {"shared": shared, "request": self._request(name) if full and shared else {}}
        if self._left < JOB_BYTES:
            why = f"not read: the jobs before it have too many files. Look at it alone: -e action=show -e job_id={name}"
            return found | {"state": DAMAGED, "damage": printable_line(why)}
        budget, driver = Budget(JOB_BYTES), self._driver(name) if shared else {}
        try:
            with acting_as(self._owner), self._folder("jobs") as jobs:
                running = is_running(name, jobs) or driver.get("running", None if shared else False)
                error = driver.get("error", "")
                with folder(name, jobs) as job:
                    found |= facts(job, budget, full=full, shared=shared, running=running, error=error)
        except Damaged as error:
            found |= {"state": DAMAGED, "damage": str(error)}
        except OSError as error:
            found |= {"state": DAMAGED, "damage": f"cannot be read: {error.strerror}"}
        self._left -= JOB_BYTES - budget.left
        return found | {"progress": driver.get("progress", "")}

    def _driver(self, name: str) -> dict[str, Any]:
        """Return what a job's driver on boards last wrote: whether it is running, its progress or error, if known."""
        try:
            with folder("results", self._place) as results:
                status = read_status(name, results, self._owner)
        except (Damaged, OSError):
            return {}
        if status is None:
            return {}
        if status["stage"] in FINAL:
            return {"running": False, "error": status["error"] or ""}
        if status["age"] > STALE_AFTER:
            return {"progress": f"nothing from {status['board']} for {status['age']:.0f} s"}
        chunks, left = status["chunks"], status["seconds_left"]
        about = "" if left is None else f", about {round(left) // 60}:{round(left) % 60:02} left"
        where = f"{status['stage']} on {status['board']}"
        return {"running": True, "progress": f"{where}, {chunks['running']} chunks run{about}"}

    def remove(self, name: str) -> None:
        """Remove a job and what it came to. The manifest goes first: what is left of a removal is no job any more."""
        with self._folder("jobs") as jobs:
            # What runs on boards has been stopped before.
            if self._owner is None and is_running(name, jobs):
                raise Damaged(f"job {printable_line(name)} is running: end it, or wait until it ends")
            with acting_as(self._owner), suppress(OSError, Damaged), folder(name, jobs) as job:
                os.unlink("manifest.json", dir_fd=job)
            with suppress(FileNotFoundError):
                remove_folder(name, jobs, self._owner)
        if self._owner is not None:
            with suppress(FileNotFoundError), folder("results", self._place) as results:
                remove_folder(name, results, self._owner)
            with suppress(FileNotFoundError), folder("requests", self._place) as requests:
                os.unlink(f"{name}.json", dir_fd=requests)

    def prune(self, before: float) -> list[str]:
        """Remove the jobs last written to before a time, and on a share what was sent for jobs before it.

        Not those that run, and not damaged ones: somebody should know of these first. Containers may still work on an
        unfinished job on boards until a day after they last wrote to it.
        """
        found = {name: self.about(name) for name in self.names()}
        limits = {RUNNING: 0.0, DAMAGED: 0.0, UNFINISHED: min(before, time.time() - DAY)}
        old = [name for name, job in found.items() if job["changed"] < limits.get(job["state"], before)]
        for name in old:
            self.remove(name)
        # Inputs are named after their content, so nobody can say whose they are: they stay while any job is unfinished.
        if self._owner is not None and all(job["state"] == DONE for name, job in found.items() if name not in old):
            old += [name for kind in SENT for name in self._prune_sent(kind, before)]
        return [printable_line(name) for name in old]

    def _prune_sent(self, kind: str, before: float) -> list[str]:
        removed = []
        with suppress(FileNotFoundError), folder(kind, self._place) as sent:
            for entry in sorted(entries(sent), key=lambda one: one.name):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) and status.st_ctime < before:
                    os.unlink(entry.name, dir_fd=sent)
                    removed.append(f"{kind}/{entry.name}")
        return removed

    def _request(self, name: str) -> dict[str, Any]:
        """Return the request of a job on a share. Only a file of root's own counts: a processor may write others."""
        try:
            with folder("requests", self._place) as requests:
                found: dict[str, Any] = read_json(f"{name}.json", requests, owner=os.geteuid())
                return found
        except (Damaged, OSError):
            return {}

    def _folder(self, name: str) -> AbstractContextManager[int]:
        # A link is followed where something comes after it.
        opened: AbstractContextManager[int] = folder(f"{name}/." if self._follow else name, self._place)
        return opened


def is_running(name: str, jobs: int) -> bool:
    """Return whether a process works on a job: it has the lock of the job's directory (csvswarm/job/lock.py)."""
    with suppress(OSError, Damaged), folder(name, jobs) as job:
        handle = os.open(LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=job)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
        except (BlockingIOError, PermissionError):
            return True
        finally:
            os.close(handle)
    return False


def main() -> None:
    """Run as Ansible runs a module."""
    module = AnsibleModule(
        argument_spec={
            "place": {"type": "str", "required": True},
            "action": {"type": "str", "choices": ["list", "show", "remove", "prune"], "default": "list"},
            "job": {"type": "str", "default": ""},
            "days": {"type": "float", "default": 7},
            "owner": {"type": "int"},
        },
    )
    asked = module.params
    answer: dict[str, Any] = {}
    try:
        place = os.open(asked["place"], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        jobs = Jobs(place, asked["owner"])
        answer = answered(jobs, asked["action"], asked["job"], asked["days"])
    except (Damaged, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        where = printable_line(f"{asked['place']}/jobs")
        module.fail_json(
            msg=f"{where}: could not {asked['action']} jobs: {why}. Look at that folder, then repeat this."
        )
    module.exit_json(changed=asked["action"] in ("remove", "prune"), **answer)


def answered(jobs: Jobs, action: str, job: str, days: float) -> dict[str, Any]:
    """Do what is asked and return the module's answer."""
    if action == "prune":
        return {"removed": jobs.prune(time.time() - days * DAY)}
    if action == "list":
        return {"jobs": [jobs.about(name) for name in jobs.names()]}
    names = jobs.find(job)
    found = [jobs.about(name, full=True) for name in names[:1]]
    if action == "remove":
        for name in names[:1]:
            jobs.remove(name)
    return {"jobs": found}


if __name__ == "__main__":
    main()

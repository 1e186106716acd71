"""List, show, remove or prune the jobs in a folder of job directories."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import AbstractContextManager, suppress
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.processing_job_files import acting_as, read_json, remove_folder
from ansible.module_utils.processing_job_job_state import DAMAGED, DONE, RUNNING, UNFINISHED
from ansible.module_utils.processing_job_job_summary import Budget, empty_summary, read_summary
from ansible.module_utils.processing_job_status import FINAL, STALE_AFTER, read_status
from ansible.module_utils.processing_job_text import printable_line
from ansible.module_utils.processing_job_untrusted_files import Damaged, entries_in, open_directory

DOCUMENTATION = """
module: processing_job_jobs
short_description: List, show, remove or prune csvswarm jobs
description:
  - Reads job directories, into which processors may have written anything. A job with files that csvswarm does not
    write is reported as damaged, and does not hide the others.
  - On a share it reads and removes files of the share's owner as that owner.
options:
  root:
    description: The folder that contains the folder C(jobs), and on a share C(results), C(requests) and uploads.
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
      - Prune removes jobs last written to at least this many days ago, whether they are done, failed or interrupted. It
        keeps running and damaged jobs, and on a share unfinished ones that were written to less than a day ago.
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
    root: /srv/csvswarm
    owner: 8765
"""
RETURN = """
jobs:
  description: The jobs with their properties. Control characters in text are escaped.
  returned: unless action is prune
  type: list
removed:
  description: Names of the jobs and uploads that prune removed.
  returned: when action is prune
  type: list
idle:
  description: Whether all jobs that prune left are done, so that nothing needs uploads and images of earlier jobs.
  returned: when action is prune
  type: bool
"""

DAY = 86_400
LOCK = "csvswarm.lock"
#: The folders of uploads on a share.
UPLOADS = ("inputs", "processors", "images")
#: Maximum number of jobs in a folder.
JOBS = 10_000
#: Maximum bytes of JSON to read for one job, and for all.
JOB_BYTES, ALL_BYTES = 64_000_000, 512_000_000


class Jobs:
    """The jobs in an open folder. owner: of its share, None on this machine."""

    def __init__(self, root: int, owner: int | None) -> None:
        self._root = root
        self._owner = owner
        self._left = ALL_BYTES
        #: A user may have moved this machine's jobs to another disk with a link. On a share, links are not trusted.
        self._follow = owner is None

    def names(self) -> list[str]:
        """Return the names of job directories, and of links in the folder."""
        try:
            with self._folder("jobs") as jobs:
                return sorted(
                    entry.name
                    for entry in entries_in(jobs, JOBS)
                    if entry.is_dir(follow_symlinks=False) or entry.is_symlink()
                )
        except FileNotFoundError:
            return []

    def find(self, wanted: str) -> list[str]:
        """Return the job with this name or this printed name; an empty list if it does not exist."""
        names = self.names()
        return [name for name in names if name == wanted] or [name for name in names if printable_line(name) == wanted]

    def summarize(self, name: str, *, full: bool = False) -> dict[str, Any]:
        """Return the properties of a job. full: with its errors, logs and request."""
        shared = self._owner is not None
        found: dict[str, Any] = empty_summary(name)
        found |= {"shared": shared, "request": self._request(name) if full and shared else {}}
        if self._left < JOB_BYTES:
            why = f"not read: the jobs before it have too many files. Show it alone: -e action=show -e job_id={name}"
            return found | {"state": DAMAGED, "damage": printable_line(why)}
        budget, driver = Budget(JOB_BYTES), self._driver(name) if shared else {}
        try:
            with acting_as(self._owner), self._folder("jobs") as jobs:
                running = is_running(name, jobs) or driver.get("running", None if shared else False)
                error = driver.get("error", "")
                with open_directory(name, jobs) as job:
                    found |= read_summary(job, budget, full=full, shared=shared, running=running, error=error)
        except Damaged as error:
            found |= {"state": DAMAGED, "damage": str(error)}
        except OSError as error:
            found |= {"state": DAMAGED, "damage": f"cannot be read: {error.strerror}"}
        self._left -= JOB_BYTES - budget.left
        return found | {"progress": driver.get("progress", "")}

    def _driver(self, name: str) -> dict[str, Any]:
        """Return what a job's driver on boards last reported: whether it is running, its progress or error."""
        try:
            with open_directory("results", self._root) as results:
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
        """Remove a job, its result and its request. The manifest is first: without it, the rest is not a job."""
        with self._folder("jobs") as jobs:
            # A job on boards was stopped before.
            if self._owner is None and is_running(name, jobs):
                raise Damaged(f"job {printable_line(name)} is running: stop it, or wait until it ends")
            with acting_as(self._owner), suppress(OSError, Damaged), open_directory(name, jobs) as job:
                os.unlink("manifest.json", dir_fd=job)
            with suppress(FileNotFoundError):
                remove_folder(name, jobs, self._owner)
        if self._owner is not None:
            with suppress(FileNotFoundError), open_directory("results", self._root) as results:
                remove_folder(name, results, self._owner)
            with suppress(FileNotFoundError), open_directory("requests", self._root) as requests:
                os.unlink(f"{name}.json", dir_fd=requests)

    def prune(self, before: float) -> dict[str, Any]:
        """Remove the jobs last written to before a time, and on a share the uploads from before it; return the answer.

        Running and damaged jobs stay: a user should inspect damaged ones first. On boards, containers may still work on
        an unfinished job until a day after they last wrote to it.
        """
        found = {name: self.summarize(name) for name in self.names()}
        limits = {RUNNING: 0.0, DAMAGED: 0.0, UNFINISHED: min(before, time.time() - DAY)}
        old = [name for name, job in found.items() if job["changed"] < limits.get(job["state"], before)]
        for name in old:
            self.remove(name)
        # Inputs are named after their content, so their job is unknown: they stay while any is unfinished.
        idle = all(job["state"] == DONE for name, job in found.items() if name not in old)
        if self._owner is not None and idle:
            old += [name for kind in UPLOADS for name in self._prune_uploads(kind, before)]
        if self._owner is not None:
            old += self._prune_partial_uploads(before)
        return {"removed": [printable_line(name) for name in old], "idle": idle}

    def _prune_uploads(self, kind: str, before: float) -> list[str]:
        removed = []
        with suppress(FileNotFoundError), open_directory(kind, self._root) as uploads:
            for entry in sorted(entries_in(uploads), key=lambda one: one.name):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) and status.st_ctime < before:
                    os.unlink(entry.name, dir_fd=uploads)
                    removed.append(f"{kind}/{entry.name}")
        return removed

    def _prune_partial_uploads(self, before: float) -> list[str]:
        """Remove the folders of interrupted transfers, exchange/USER/.partial-JOB, with the user's rights."""
        removed = []
        with suppress(FileNotFoundError), open_directory("exchange", self._root) as exchange:
            for user in sorted(entries_in(exchange), key=lambda one: one.name):
                if user.name.startswith(".") or not user.is_dir(follow_symlinks=False):
                    continue
                owner = user.stat(follow_symlinks=False).st_uid
                with open_directory(user.name, exchange) as folder:
                    for entry in sorted(entries_in(folder), key=lambda one: one.name):
                        status = entry.stat(follow_symlinks=False)
                        partial = entry.name.startswith(".partial") and stat.S_ISDIR(status.st_mode)
                        if partial and status.st_mtime < before:
                            remove_folder(entry.name, folder, owner)
                            removed.append(f"exchange/{user.name}/{entry.name}")
        return removed

    def _request(self, name: str) -> dict[str, Any]:
        """Return the request of a job on a share. Only a file that root owns counts: processors may write others."""
        try:
            with open_directory("requests", self._root) as requests:
                found: dict[str, Any] = read_json(f"{name}.json", requests, owner=os.geteuid())
                return found
        except (Damaged, OSError):
            return {}

    def _folder(self, name: str) -> AbstractContextManager[int]:
        # A link is only followed if a path component comes after it.
        opened: AbstractContextManager[int] = open_directory(f"{name}/." if self._follow else name, self._root)
        return opened


def is_running(name: str, jobs: int) -> bool:
    """Return whether a process works on a job and so owns the lock of its directory (csvswarm/job/lock.py)."""
    with suppress(OSError, Damaged), open_directory(name, jobs) as job:
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
            "root": {"type": "str", "required": True},
            "action": {"type": "str", "choices": ["list", "show", "remove", "prune"], "default": "list"},
            "job": {"type": "str", "default": ""},
            "days": {"type": "float", "default": 7},
            "owner": {"type": "int"},
        },
    )
    params = module.params
    answer: dict[str, Any] = {}
    try:
        root = os.open(params["root"], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        jobs = Jobs(root, params["owner"])
        answer = perform(jobs, params["action"], params["job"], params["days"])
    except (Damaged, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        where = printable_line(f"{params['root']}/jobs")
        module.fail_json(
            msg=f"{where}: could not {params['action']} jobs: {why}. Inspect that folder, then rerun this command."
        )
    module.exit_json(changed=params["action"] in ("remove", "prune"), **answer)


def perform(jobs: Jobs, action: str, job: str, days: float) -> dict[str, Any]:
    """Perform the action and return the module's answer."""
    if action == "prune":
        return jobs.prune(time.time() - days * DAY)
    if action == "list":
        return {"jobs": [jobs.summarize(name) for name in jobs.names()]}
    names = jobs.find(job)
    found = [jobs.summarize(name, full=True) for name in names[:1]]
    if action == "remove":
        for name in names[:1]:
            jobs.remove(name)
    return {"jobs": found}


if __name__ == "__main__":
    main()

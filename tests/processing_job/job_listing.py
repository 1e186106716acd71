"""Run the module `processing_job_jobs` over a folder of jobs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.processing_job.plugin_loader import files, jobs

REQUEST = {"input": "/home/me/data.csv", "processor": "transform"}
MANIFEST = {"chunks": [{"rows": 3}, {"rows": 4}], "input": {"path": "/data.csv"}, "processor": {"name": "transform"}}


def perform(
    share: Path, action: str = "list", job: str = "", days: float = 7, owner: int | None = -1
) -> dict[str, Any]:
    """Run the module as Ansible does. owner: by default this process, since an unprivileged test has no choice."""
    with files.open_directory(str(share)) as place:
        listing = jobs.Jobs(place, os.geteuid() if owner == -1 else owner)
        answer: dict[str, Any] = jobs.perform(listing, action, job, days)
    assert json.loads(json.dumps(answer)) == answer
    json.dumps(answer, ensure_ascii=False).encode()  # Ansible refuses half of a character
    return answer


def listed(share: Path) -> dict[str, dict[str, Any]]:
    return {job["job"]: job for job in perform(share)["jobs"]}


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def show(share: Path, name: str, owner: int | None = -1) -> dict[str, Any]:
    [job] = perform(share, "show", name, owner=owner)["jobs"]
    return dict(job)


def make_fifo(path: Path) -> None:
    os.mkfifo(path)

"""Put a result that was collected on boards into its place on this machine."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

from csvswarm.errors import JobError, filename_in_errors
from csvswarm.job.directory import SUCCESS, Job
from csvswarm.job.durable_files import new_token, open_regular, replace, written_aside
from csvswarm.job.output_directory import (
    REJECTED,
    REPORT,
    check_output,
    claim_output,
    is_whole,
    locked_output,
    read_marker,
    remove_leftovers,
    standing_result,
)
from csvswarm.job.permissions import PRIVATE, no_wider_than


def land(job: Job, fetched: Path, output: Path, permissions: int = PRIVATE) -> bool:
    """Check all files that were fetched by their checksums and put them into `output`, the success marker last.

    permissions: those of the input, which the files do not exceed for group and others. What was fetched is removed
    once all of it was read back in its place. Returns False when the result of this job is there already. Raises
    JobError when what was fetched is not whole, somebody else is writing to `output`, or it belongs to something else.
    """
    check_output(output, job.job_id)
    if not output.is_dir():
        _check_fetched(job, fetched)
        output.mkdir(parents=True, exist_ok=True)
    with locked_output(output), no_wider_than(permissions):
        check_output(output, job.job_id)
        if standing_result(output, job.job_id) is None:
            _put(job, fetched, output, permissions)
            changed = True
        else:
            remove_leftovers(output, job.job_id)
            changed = False
    shutil.rmtree(fetched)
    return changed


def _put(job: Job, fetched: Path, output: Path, permissions: int) -> None:
    files = _check_fetched(job, fetched)
    (output / SUCCESS).unlink(missing_ok=True)
    claim_output(output, job.job_id)
    remove_leftovers(output, job.job_id)
    if REJECTED not in [file["name"] for file in files]:
        (output / REJECTED).unlink(missing_ok=True)
    # The report after the files it speaks of: the one that is there by now says that they are this job's.
    for file in sorted(files, key=lambda file: file["name"] == REPORT):
        _copy(fetched / file["name"], output / file["name"], job.job_id, permissions)
        if not is_whole(output, file):
            raise JobError(
                f"{output / file['name']} is not what was written there: run again with job_id={job.job_id}."
            )
    _copy(fetched / SUCCESS, output / SUCCESS, job.job_id, permissions)


def _check_fetched(job: Job, fetched: Path) -> list[dict[str, Any]]:
    """Return name, bytes and checksum of the files that were fetched. Raises JobError unless all of them are whole."""
    found = read_marker(fetched, job.job_id)
    if found is None:
        raise JobError(f"{fetched} holds no complete result of job {job.job_id}: run again with this job_id.")
    for file in found[0]:
        if not is_whole(fetched, file):
            raise JobError(f"{fetched / file['name']} was damaged on its way here: run again with job_id={job.job_id}.")
    return found[0]


def _copy(source: Path, target: Path, job_id: str, permissions: int) -> None:
    """Give a file another name, on another file system too: it is there whole or not at all, and durably."""
    aside = target.with_name(f".{target.name}.{job_id}.{new_token()}")
    try:
        os.link(source, aside)
    except OSError:
        with open_regular(source) as file, written_aside(target, job_id) as (aside, copy):
            shutil.copyfileobj(file, copy, 1 << 20)
    else:
        with filename_in_errors(aside), open_regular(aside) as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            os.fchmod(file.fileno(), mode & (0o700 | permissions))
            os.fsync(file.fileno())
    replace(aside, target)
    aside.unlink(missing_ok=True)  # to rename a file to another name of its own changes nothing

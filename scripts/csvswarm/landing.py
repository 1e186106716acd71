"""Put a result that was collected on boards into its place on this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .collect import REJECTED, REPORT, RESULT, check_output, standing_result
from .errors import JobError
from .job import SUCCESS, Job, read_json, sync_directory
from .sinks import described


def land(job: Job, fetched: Path, output: Path) -> bool:
    """Check what was fetched by its checksum and move it to `output`, the success marker last.

    Returns False when the result of this job stands there already. Raises JobError when what was fetched is not whole,
    or `output` belongs to something else.
    """
    check_output(output, job.job_id)
    if standing_result(output, job) is not None:
        shutil.rmtree(fetched)
        return False
    marker = read_json(fetched / SUCCESS)
    if marker is None or marker["job_id"] != job.job_id:
        raise JobError(f"{fetched} holds no complete result of job {job.job_id}: run again with this job_id.")
    if not (fetched / RESULT).is_file() or described(fetched / RESULT)["checksum"] != marker["checksum"]:
        raise JobError(f"{fetched / RESULT} was damaged on its way here: run again with job_id={job.job_id}.")
    output.mkdir(parents=True, exist_ok=True)
    (output / SUCCESS).unlink(missing_ok=True)
    (output / REJECTED).unlink(missing_ok=True)
    for name in (REPORT, RESULT, REJECTED, SUCCESS):
        if (fetched / name).exists():
            _move(fetched / name, output / name, job.job_id)
    sync_directory(output)
    shutil.rmtree(fetched)
    return True


def _move(source: Path, target: Path, job_id: str) -> None:
    """Move a file, over file systems too: it is there under its name whole or not at all, and durably."""
    temporary = target.with_name(f".{target.name}.{job_id}")
    shutil.move(source, temporary)
    descriptor = os.open(temporary, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(target)

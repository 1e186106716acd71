"""Delivers a result collected on boards to its output directory on this machine."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

from csvswarm.errors import JobError, filename_in_errors, printable
from csvswarm.job.directory import SUCCESS, JobDirectory
from csvswarm.job.durable_files import (
    new_token,
    open_regular,
    read_json,
    replace_durably,
    temporary_file,
    write_json,
)
from csvswarm.job.output_directory import (
    MAX_REPORT_BYTES,
    REJECTED,
    REPORT,
    check_output,
    claim_output,
    committed_result,
    is_intact,
    locked_output,
    read_marker,
    remove_leftovers,
    remove_tree,
)
from csvswarm.job.permissions import PRIVATE, no_wider_than
from csvswarm.job.result_format import PARTITIONED, RESULT, is_part_name


def deliver_result(job: JobDirectory, fetched: Path, output: Path, permissions: int = PRIVATE) -> bool:
    """Verify the fetched files by their checksums and move them to `output`, the success marker last.

    permissions: those of the input, which the files do not exceed for group and others. `fetched` is removed after all
    files were read back at their destination. Returns False if the result of this job is already there. Raises JobError
    if the fetched files are incomplete, another process writes to `output`, or it belongs to something else.
    """
    result = _result_of(job, fetched)
    check_output(output, job.job_id, result)
    if not output.is_dir():
        _check_fetched(job, fetched)
        output.mkdir(parents=True, exist_ok=True)
    with locked_output(output), no_wider_than(permissions):
        check_output(output, job.job_id, result)
        if committed_result(output, job.job_id) is None:
            _replace_files(job, fetched, output, permissions)
            changed = True
        else:
            remove_leftovers(output, job.job_id)
            changed = False
    shutil.rmtree(fetched)
    return changed


def take_failure(job: JobDirectory, fetched: Path, output: Path) -> list[tuple[str, str]] | None:
    """Move the record that boards wrote of a failed job to `output`, for this user alone.

    Returns (name, last lines) of the logs of failed attempts, None without a record. Raises JobError if the record is
    damaged or of another job, or if `output` has a result or belongs to something else.
    """
    found = read_json(fetched, "rerun the job.", MAX_REPORT_BYTES)
    if found is None:
        return None
    record, logs = found.get("record"), found.get("logs")
    if not isinstance(record, dict) or (record.get("job_id"), record.get("status")) != (job.job_id, "failed"):
        raise JobError(f"{fetched} is not the record of a failure of job {job.job_id}.")
    check_output(output, job.job_id)
    output.mkdir(parents=True, exist_ok=True)
    with locked_output(output), no_wider_than(PRIVATE):
        check_output(output, job.job_id)
        if (output / SUCCESS).exists():
            raise JobError(f"{output} has a complete result: no failure is recorded there.")
        write_json(output / REPORT, record, owner=job.job_id)
    fetched.unlink()
    pairs = logs if isinstance(logs, list) else []
    return [(str(one[0]), printable(str(one[1]))) for one in pairs if isinstance(one, list) and len(one) == 2]


def _replace_files(job: JobDirectory, fetched: Path, output: Path, permissions: int) -> None:
    files = _check_fetched(job, fetched)
    result = _result_of(job, fetched)
    (output / SUCCESS).unlink(missing_ok=True)
    claim_output(output, job.job_id, result)
    remove_leftovers(output, job.job_id)
    if result == PARTITIONED:
        _replace_parts(
            job, fetched, output, [file["name"] for file in files if is_part_name(file["name"])], permissions
        )
    if REJECTED not in [file["name"] for file in files]:
        (output / REJECTED).unlink(missing_ok=True)
    # The report follows the files that it lists: the existing one already claims them for this job.
    for file in sorted(files, key=lambda file: file["name"] == REPORT):
        if not is_part_name(file["name"]):
            _link_or_copy(fetched / file["name"], output / file["name"], job.job_id, permissions)
        if not is_intact(output, file):
            raise JobError(f"{output / file['name']} differs from what was written: rerun with job_id={job.job_id}.")
    _link_or_copy(fetched / SUCCESS, output / SUCCESS, job.job_id, permissions)


def _replace_parts(job: JobDirectory, fetched: Path, output: Path, names: list[str], permissions: int) -> None:
    """Replace the directory of a partitioned result with all its files in one step."""
    temporary = output / f".{PARTITIONED}.{job.job_id}.{new_token()}"
    temporary.mkdir()
    for name in names:
        path = temporary / Path(name).relative_to(PARTITIONED)
        path.parent.mkdir(parents=True, exist_ok=True)
        _link_or_copy(fetched / name, path, job.job_id, permissions)
    remove_tree(output / PARTITIONED)
    replace_durably(temporary, output / PARTITIONED)


def _result_of(job: JobDirectory, fetched: Path) -> str:
    """Return the name of the fetched result. `_check_fetched` reports a missing marker."""
    found = read_marker(fetched, job.job_id)
    return RESULT if found is None else Path(found[1].result).name


def _check_fetched(job: JobDirectory, fetched: Path) -> list[dict[str, Any]]:
    """Return name, bytes and checksum of the fetched files. Raises JobError unless all of them are intact."""
    found = read_marker(fetched, job.job_id)
    if found is None:
        raise JobError(f"{fetched} contains no complete result of job {job.job_id}: rerun with this job_id.")
    for file in found[0]:
        if not is_intact(fetched, file):
            raise JobError(f"{fetched / file['name']} was damaged in transfer: rerun with job_id={job.job_id}.")
    return found[0]


def _link_or_copy(source: Path, target: Path, job_id: str, permissions: int) -> None:
    """Link or copy a file to `target`, atomically and durably."""
    temporary = target.with_name(f".{target.name}.{job_id}.{new_token()}")
    try:
        os.link(source, temporary)
    except OSError:
        with open_regular(source) as file, temporary_file(target, job_id) as (temporary, copy):
            shutil.copyfileobj(file, copy, 1 << 20)
    else:
        with filename_in_errors(temporary), open_regular(temporary) as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            os.fchmod(file.fileno(), mode & (0o700 | permissions))
            os.fsync(file.fileno())
    replace_durably(temporary, target)
    temporary.unlink(missing_ok=True)  # renaming a file to another link of itself does nothing

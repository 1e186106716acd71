"""The directory a result goes to: whose it is, which of its files are the job's, and whether they are whole."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csvswarm.errors import JobError
from csvswarm.job.checksums import HashingWriter, file_entry
from csvswarm.job.directory import SUCCESS
from csvswarm.job.durable_files import (
    NotRegular,
    read_json,
    replace_durably,
    sync_directory,
    temporary_file,
    write_json,
)
from csvswarm.job.lock import NoLocks, locked
from csvswarm.job.manifest import FORMAT

RESULT, REJECTED, REPORT = "result.csv", "rejected.csv", "job.json"
#: Names of our own, last the one that says the others are there.
OWN_FILES = (REPORT, RESULT, REJECTED, SUCCESS)
#: A marker is small. A report has a line for every attempt.
MAX_MARKER_BYTES, MAX_REPORT_BYTES = 1 << 20, 128 << 20


@dataclass
class Collected:
    """result: path of the result. rejected_file: path of the records set aside, None when there are none."""

    chunks: int
    rows_in: int
    rows_out: int
    rejected: int
    result: str
    rejected_file: str | None
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return vars(self)


@contextmanager
def locked_output(output: Path) -> Iterator[None]:
    """Keep others from writing to an output directory, which exists. Raises JobError, with who it is, when one does.

    A file system without locks is used all the same: `claim_output` keeps other jobs out, and the job's own lock other
    runs of this job.
    """
    with ExitStack() as stack:
        with suppress(NoLocks):
            stack.enter_context(locked(output, f"the result in {output}", removes=True))
        yield


def check_output(output: Path, job_id: str) -> None:
    """Raise JobError when results cannot be written to `output`, or it holds something that is not this job's."""
    if output.exists() and not output.is_dir():
        raise JobError(f"output {output} is a file: name a directory.")
    if output.is_dir():
        _check_files(output, job_id)
    existing = next(path for path in [output, *output.parents] if path.exists())
    if not existing.is_dir():
        raise JobError(f"output {output} cannot be made: {existing} is a file.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise JobError(f"output {output} cannot be written: you lack the permission on {existing}.")


def _check_files(output: Path, job_id: str) -> None:
    """Refuse files with names of ours that no report of this job explains."""
    remedy = "name another output directory, or remove that one first."
    report = read_json(output / REPORT, remedy, MAX_REPORT_BYTES)
    if report is not None and report.get("job_id") != job_id:
        whose = f"the result of job {report['job_id']}" if "job_id" in report else f"a {REPORT} of something else"
        raise JobError(f"output {output} already holds {whose}: name another directory, or remove that one first.")
    explained = {REPORT, SUCCESS, *_files_in_report(report)} if report else set()
    for name in OWN_FILES:
        if name not in explained and os.path.lexists(output / name):
            raise JobError(f"output {output} already holds a {name} of something else: name another directory.")


def _files_in_report(report: dict[str, Any]) -> set[str]:
    """Return which files the job may have made by this report."""
    if report.get("status") != "done" or report.get("rejected"):
        return {RESULT, REJECTED}
    return {RESULT}


def claim_output(output: Path, job_id: str) -> None:
    """Make an output directory this job's: its report says so, before anything else is written there.

    Of two jobs one gets it. Raises JobError when that is the other one.
    """
    report = {"format": FORMAT, "job_id": job_id, "status": "collecting"}
    if (output / REPORT).exists():
        check_output(output, job_id)
        write_json(output / REPORT, report, owner=job_id)
        return
    with temporary_file(output / REPORT, job_id) as (temporary, file):
        file.write(json.dumps(report).encode())
    try:
        os.link(temporary, output / REPORT)  # which replaces nothing
    except FileExistsError:
        check_output(output, job_id)
    except OSError:  # a file system without links
        replace_durably(temporary, output / REPORT)
    with suppress(OSError):
        temporary.unlink(missing_ok=True)
    sync_directory(output)


def remove_leftovers(output: Path, job_id: str) -> None:
    """Remove files that a run of this job was writing beside their names when it was killed."""
    names = "|".join(re.escape(name) for name in OWN_FILES)
    ours = re.compile(rf"\.({names})\.{re.escape(job_id)}\.[0-9a-f]{{12}}")
    for path in output.iterdir():
        if ours.fullmatch(path.name):
            path.unlink(missing_ok=True)


def commit_file(path: Path, job_id: str, write: Callable[[HashingWriter], int]) -> tuple[int, dict[str, Any]]:
    """Write a file beside its name, make it durable, rename it and read it back: it is there whole or not at all.

    Returns (rows, name with bytes and checksum).
    """
    with temporary_file(path, job_id) as (temporary, file):
        hashing = HashingWriter(file)
        rows = write(hashing)
    replace_durably(temporary, path)
    entry = hashing.file_entry(path.name)
    if not is_intact(path.parent, entry):
        raise JobError(
            f"{path} was read back and is not what was written: the disk, or another program, has changed it. "
            "What is done is kept: run again with the same job_id."
        )
    return rows, entry


def is_intact(output: Path, entry: dict[str, Any]) -> bool:
    """Whether a file of an output directory has the size and the checksum it should have."""
    try:
        path = output / str(entry["name"])
        return path.lstat().st_size == entry["bytes"] and file_entry(path) == entry
    except (FileNotFoundError, NotRegular):
        return False


def read_marker(directory: Path, job_id: str) -> tuple[list[dict[str, Any]], Collected] | None:
    """Return (files, figures) of the success marker of this job, None when there is none or it is damaged.

    files: name, bytes and checksum of every file of the result, the marker not among them.
    """
    try:
        marker = read_json(directory / SUCCESS, max_bytes=MAX_MARKER_BYTES)
        if marker is None or marker.pop("job_id") != job_id:
            return None
        files = [{name: file[name] for name in ("name", "bytes", "checksum")} for file in marker.pop("files")]
        names = [file["name"] for file in files]
        collected = Collected(**marker)
    except (JobError, KeyError, TypeError, AttributeError):
        return None  # a marker that is damaged marks nothing
    wanted = [RESULT, *([REJECTED] if collected.rejected_file else []), REPORT]
    return (files, collected) if names == wanted else None


def committed_result(output: Path, job_id: str, *, rejects: bool = True) -> Collected | None:
    """Return what an earlier call of this job committed to `output`, if all of its files still stand whole.

    rejects: whether a result may stand beside records that were set aside.
    """
    found = read_marker(output, job_id)
    if found is None:
        return None
    files, collected = found
    if (collected.rejected and not rejects) or not all(is_intact(output, file) for file in files):
        return None
    if not collected.rejected_file and os.path.lexists(output / REJECTED):
        return None
    return collected

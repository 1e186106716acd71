"""The output directory: which job owns it, which of its files belong to the job, and whether they are intact."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
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
from csvswarm.job.result_format import PARTITIONED, RESULT, RESULT_NAMES, is_part_name

REJECTED, REPORT = "rejected.csv", "job.json"
#: Version of job.json.
RECORD_FORMAT = 3
#: The record of a failure, as boards write it.
FAILURE = ".failed.json"
#: The files that csvswarm may write; the last one marks the others as complete.
OWN_FILES = (REPORT, *RESULT_NAMES, REJECTED, SUCCESS)
#: Maximum bytes: a marker has a line per file of the result, a report one per attempt.
MAX_MARKER_BYTES, MAX_REPORT_BYTES = 16 << 20, 128 << 20


@dataclass
class Collected:
    """result: path of the result. rejected_file: path of the quarantined records, None if there are none.

    warnings: what the user may not have intended, one text each.
    """

    chunks: int
    rows_in: int
    rows_out: int
    rejected: int
    result: str
    rejected_file: str | None
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return vars(self)


@contextmanager
def locked_output(output: Path) -> Iterator[None]:
    """Lock an existing output directory. Raises JobError that names the owner if another process writes to it.

    On a file system without locks it does nothing: `claim_output` excludes other jobs, the job's lock other runs of it.
    """
    with ExitStack() as stack:
        with suppress(NoLocks):
            stack.enter_context(locked(output, f"the result in {output}", removes=True))
        yield


def check_output(output: Path, job_id: str, result: str = RESULT) -> None:
    """Raise JobError if results cannot be written to `output`, or it contains files of something else.

    result: name of the result.
    """
    if output.exists() and not output.is_dir():
        raise JobError(f"output {output} is a file: name a directory.")
    if output.is_dir():
        _check_files(output, job_id, result)
    existing = next(path for path in [output, *output.parents] if path.exists())
    if not existing.is_dir():
        raise JobError(f"output {output} cannot be created: {existing} is a file.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise JobError(f"output {output} is not writable: you lack the permission on {existing}.")


def _check_files(output: Path, job_id: str, result: str) -> None:
    """Refuse files with csvswarm's names that are not in a report of this job."""
    remedy = "name another output directory, or remove that one first."
    report = read_json(output / REPORT, remedy, MAX_REPORT_BYTES)
    if report is None:
        explained = set()
    elif report.get("job_id") == job_id:
        explained = {REPORT, SUCCESS, *_files_in_report(report, result)}
    elif report.get("format") == RECORD_FORMAT and report.get("status") == "failed":
        explained = {REPORT}  # that job has no result, so it does not need the directory
    else:
        whose = f"the result of job {report['job_id']}" if "job_id" in report else f"a {REPORT} of something else"
        raise JobError(f"output {output} already contains {whose}: name another directory, or remove that one first.")
    for name in (REPORT, result, REJECTED, SUCCESS):
        if name not in explained and os.path.lexists(output / name):
            raise JobError(f"output {output} already contains a {name} of something else: name another directory.")


def _files_in_report(report: dict[str, Any], result: str) -> set[str]:
    """Return the names of the files that the job may have written according to its report."""
    if report.get("status") != "done":
        return {result, REJECTED}
    names = {_result_in_report(report)}
    return {*names, REJECTED} if report.get("rejected") else names


def _result_in_report(report: dict[str, Any]) -> str:
    """Return the name of the result according to a report, or to the claim of its directory."""
    entry = report.get("result")
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if name in RESULT_NAMES else RESULT


def claim_output(output: Path, job_id: str, result: str = RESULT) -> None:
    """Claim an output directory for a job by its report, which is written before any other file.

    Only one of several jobs succeeds. Raises JobError if the directory belongs to another job.
    """
    report = {"format": RECORD_FORMAT, "job_id": job_id, "status": "collecting", "result": {"name": result}}
    if (output / REPORT).exists():
        check_output(output, job_id, result)
        former = _result_in_report(read_json(output / REPORT, max_bytes=MAX_REPORT_BYTES) or {})
        write_json(output / REPORT, report, owner=job_id)
        if former != result:  # this job's result in another format
            remove_tree(output / former)
        return
    with temporary_file(output / REPORT, job_id) as (temporary, file):
        file.write(json.dumps(report).encode())
    try:
        os.link(temporary, output / REPORT)  # fails if the name exists
    except FileExistsError:
        check_output(output, job_id, result)
    except OSError:  # a file system without hard links
        replace_durably(temporary, output / REPORT)
    with suppress(OSError):
        temporary.unlink(missing_ok=True)
    sync_directory(output)


def remove_leftovers(output: Path, job_id: str) -> None:
    """Remove the temporary files of killed runs of this job."""
    names = "|".join(re.escape(name) for name in OWN_FILES)
    ours = re.compile(rf"\.({names})\.{re.escape(job_id)}\.[0-9a-f]{{12}}(\.[a-z0-9_]{{8}})?$")
    for path in output.iterdir():
        if ours.match(path.name):
            remove_tree(path)


def remove_tree(path: Path) -> None:
    """Remove a file, or a directory with its contents; of a symlink, only the link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def commit_file(path: Path, job_id: str, write: Callable[[HashingWriter], int]) -> tuple[int, dict[str, Any]]:
    """Write a file atomically: to a temporary name, made durable, renamed, and read back.

    Returns (rows, name with bytes and checksum).
    """
    with temporary_file(path, job_id) as (temporary, file):
        hashing = HashingWriter(file)
        rows = write(hashing)
    replace_durably(temporary, path)
    entry = hashing.file_entry(path.name)
    if not is_intact(path.parent, entry):
        raise JobError(
            f"{path} differs from what was written to it: the disk or another program has changed it. "
            "Rerun with the same job_id; finished work is kept."
        )
    return rows, entry


def is_intact(output: Path, entry: dict[str, Any]) -> bool:
    """Whether a file of an output directory has the recorded size and checksum."""
    try:
        path = output / str(entry["name"])
        return path.lstat().st_size == entry["bytes"] and file_entry(path) | {"name": entry["name"]} == entry
    except (FileNotFoundError, NotADirectoryError, NotRegular):
        return False


def read_marker(directory: Path, job_id: str) -> tuple[list[dict[str, Any]], Collected] | None:
    """Return (files, summary) from this job's success marker; None if it is missing or damaged.

    files: name, bytes and checksum of every file of the result except the marker.
    """
    try:
        marker = read_json(directory / SUCCESS, max_bytes=MAX_MARKER_BYTES)
        if marker is None or marker.pop("job_id") != job_id:
            return None
        files = [{name: file[name] for name in ("name", "bytes", "checksum")} for file in marker.pop("files")]
        names = [file["name"] for file in files]
        collected = Collected(**marker)
    except (JobError, KeyError, TypeError, AttributeError):
        return None  # a damaged marker counts as missing
    others = [*([REJECTED] if collected.rejected_file else []), REPORT]
    result = names[: -len(others)]
    known = [Path(collected.result).name]
    if known == [PARTITIONED]:  # its files must be below it: a marker may come from a board
        known = sorted({name for name in result if is_part_name(name)})
    is_known = Path(collected.result).name in RESULT_NAMES and result == known
    return (files, collected) if is_known and names[len(result) :] == others else None


def committed_result(output: Path, job_id: str, *, rejects: bool = True) -> Collected | None:
    """Return the result that an earlier run of this job committed to `output`; None unless all files are intact.

    rejects: whether a result with quarantined records counts.
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

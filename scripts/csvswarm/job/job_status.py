"""The state of a job: one rule for the scripts, for reports and for playbooks/jobs.yml.

Needs only the standard library: Ansible also sends this file to boards, where csvswarm is not installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

DONE, RUNNING, FAILED, INTERRUPTED = "done", "running", "failed", "interrupted"
UNFINISHED, NOT_SPLIT, DAMAGED = "unfinished", "not split", "damaged"


class JobStatus(NamedTuple):
    """name: one of the states above. reason: why a job failed. finished: number of chunks that are done."""

    name: str
    reason: str = ""
    finished: int = 0


def job_status(
    chunk_rows: Sequence[int] | None,
    receipts: Iterable[Mapping[str, Any]],
    *,
    is_done: bool,
    is_running: bool | None,
    max_rejected: str = "",
    error: str = "",
) -> JobStatus:
    """Return the state of a job.

    chunk_rows: number of records of every chunk, None before the split is complete. receipts: chunk, generation,
    status, message and rejected of each. is_running: None when it is unknown, as for boards whose driver is silent.
    max_rejected: how many records may be rejected, as a number or a share, "" for any number. error: the error that
    ended the job, as its driver reported it, "" for none.
    """
    newest: dict[int, Mapping[str, Any]] = {}
    for receipt in sorted(receipts, key=lambda receipt: (receipt["chunk"], receipt["generation"])):
        newest[receipt["chunk"]] = receipt
    finished = sum(receipt["status"] == "done" for receipt in newest.values())
    if is_done:
        return JobStatus(DONE, finished=finished)
    if is_running:
        return JobStatus(RUNNING, finished=finished)
    if error:
        return JobStatus(FAILED, error, finished)
    if chunk_rows is None:
        return JobStatus(NOT_SPLIT)
    reason = failure(newest, len(chunk_rows)) or _rejects_too_many(newest, sum(chunk_rows), max_rejected)
    if reason:
        return JobStatus(FAILED, reason, finished)
    return JobStatus(UNFINISHED if is_running is None else INTERRUPTED, finished=finished)


def failure(newest: Mapping[int, Mapping[str, Any]], chunks: int) -> str:
    """Return the message of the first chunk that failed, "" when none did. newest: the newest receipt of chunks.

    An error that a wider schema may prevent counts once no chunk is pending: until then the schema may still change.
    """
    counting = {"error"} if len(newest) < chunks else {"error", "suspect"}
    failed = [receipt for receipt in newest.values() if receipt["status"] in counting]
    return next((str(receipt["message"]) or "no message" for receipt in failed), "")


def allowed_rejections(limit: str, rows: int) -> int:
    """Return how many of these records a limit allows to be rejected. limit: a number, or a share like 5%.

    Raises ValueError when it is neither.
    """
    if limit.endswith("%"):
        return int(rows * float(limit[:-1]) / 100)
    return int(limit)


def _rejects_too_many(newest: Mapping[int, Mapping[str, Any]], rows: int, limit: str) -> str:
    rejected = sum(receipt["rejected"] for receipt in newest.values() if receipt["status"] == "done")
    try:
        if not limit or rejected <= allowed_rejections(limit, rows):
            return ""
    except ValueError:
        return ""
    return f"{rejected:,} of {rows:,} records are rejected so far, more than max_rejected ({limit}) allows."

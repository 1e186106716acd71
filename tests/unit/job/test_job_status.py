"""The state of a job follows from one rule."""

from __future__ import annotations

from typing import Any

import pytest
from csvswarm.job.job_status import JobStatus, job_status


def receipt(chunk: int, status: str, generation: int = 1, rejected: int = 0) -> dict[str, Any]:
    message = "" if status == "done" else f"{status} {chunk}"
    return {"chunk": chunk, "generation": generation, "status": status, "message": message, "rejected": rejected}


@pytest.mark.parametrize(
    ("receipts", "expected"),
    [
        ([], JobStatus("interrupted")),
        ([receipt(1, "done")], JobStatus("interrupted", "", 1)),
        ([receipt(1, "done"), receipt(2, "done"), receipt(3, "done")], JobStatus("interrupted", "", 3)),
        ([receipt(3, "error"), receipt(2, "error")], JobStatus("failed", "error 2")),
        # A wider schema may still come, and prevent it.
        ([receipt(1, "suspect"), receipt(2, "done")], JobStatus("interrupted", "", 1)),
        ([receipt(1, "suspect"), receipt(2, "done"), receipt(3, "suspect")], JobStatus("failed", "suspect 1", 1)),
        # A wider schema came, and prevented it.
        ([receipt(1, "suspect"), receipt(1, "done", 2), receipt(2, "misfit")], JobStatus("interrupted", "", 1)),
        ([receipt(1, "done", 1, rejected=5)], JobStatus("interrupted", "", 1)),
        (
            [receipt(1, "done", 1, rejected=5), receipt(2, "done", 1, rejected=1)],
            JobStatus("failed", "6 of 30 records are rejected so far, more than max_rejected (5) allows.", 2),
        ),
    ],
)
def test_receipts_decide(receipts: list[dict[str, Any]], expected: JobStatus) -> None:
    ended = job_status([10, 10, 10], receipts, is_done=False, is_running=False, max_rejected="5")

    assert ended == expected


def test_explicit_options_take_precedence() -> None:
    failed = [receipt(1, "error")]

    assert job_status([1], failed, is_done=True, is_running=False).name == "done"
    assert job_status([1], failed, is_done=False, is_running=True).name == "running"
    assert job_status(None, [], is_done=False, is_running=False).name == "not split"
    assert job_status([1], failed, is_done=False, is_running=None) == JobStatus("failed", "error 1")
    assert job_status([1], [], is_done=False, is_running=None).name == "unfinished"
    assert job_status(None, [], is_done=False, is_running=False, error="no room") == JobStatus("failed", "no room")
    assert job_status(None, [], is_done=False, is_running=True, error="no room").name == "running"

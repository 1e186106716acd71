"""One rule says what state a job is in."""

from __future__ import annotations

from typing import Any

import pytest
from csvswarm.job.job_state import JobState, job_state


def receipt(chunk: int, status: str, generation: int = 1, rejected: int = 0) -> dict[str, Any]:
    message = "" if status == "done" else f"{status} {chunk}"
    return {"chunk": chunk, "generation": generation, "status": status, "message": message, "rejected": rejected}


@pytest.mark.parametrize(
    ("receipts", "expected"),
    [
        ([], JobState("interrupted")),
        ([receipt(1, "done")], JobState("interrupted", "", 1)),
        ([receipt(1, "done"), receipt(2, "done"), receipt(3, "done")], JobState("interrupted", "", 3)),
        ([receipt(3, "error"), receipt(2, "error")], JobState("failed", "error 2")),
        # A wider schema may still come, and prevent it.
        ([receipt(1, "suspect"), receipt(2, "done")], JobState("interrupted", "", 1)),
        ([receipt(1, "suspect"), receipt(2, "done"), receipt(3, "suspect")], JobState("failed", "suspect 1", 1)),
        # It came, and did.
        ([receipt(1, "suspect"), receipt(1, "done", 2), receipt(2, "misfit")], JobState("interrupted", "", 1)),
        ([receipt(1, "done", 1, rejected=5)], JobState("interrupted", "", 1)),
        (
            [receipt(1, "done", 1, rejected=5), receipt(2, "done", 1, rejected=1)],
            JobState("failed", "6 of 30 records are rejected so far, more than max_rejected (5) allows.", 2),
        ),
    ],
)
def test_receipts_decide(receipts: list[dict[str, Any]], expected: JobState) -> None:
    ended = job_state([10, 10, 10], receipts, is_done=False, is_running=False, max_rejected="5")

    assert ended == expected


def test_what_is_known_otherwise_comes_first() -> None:
    failed = [receipt(1, "error")]

    assert job_state([1], failed, is_done=True, is_running=False).name == "done"
    assert job_state([1], failed, is_done=False, is_running=True).name == "running"
    assert job_state(None, [], is_done=False, is_running=False).name == "not split"
    assert job_state([1], failed, is_done=False, is_running=None) == JobState("failed", "error 1")
    assert job_state([1], [], is_done=False, is_running=None).name == "unfinished"

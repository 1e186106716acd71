"""The state of a job on boards, from its receipts and from the status that its driver last wrote."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.processing_job.plugin_loader import files, jobs

FAILED = {"chunk": 1, "status": "error", "message": "no column x"}
STATUS = {"stage": "processing", "board": "board1", "chunks": {"running": 3}, "seconds_left": 270}


def listed(share: Path, status: dict[str, Any], *, age: float = 0, receipts: tuple[dict[str, Any], ...] = ()) -> Any:
    """Return the listed state of a job with two chunks and this status, written this many seconds ago."""
    job, result = share / "jobs/one", share / "results/one"
    (job / "receipts").mkdir(parents=True)
    result.mkdir(parents=True)
    (job / "manifest.json").write_text(json.dumps({"chunks": [{"rows": 3}, {"rows": 4}]}))
    for receipt in receipts:
        (job / f"receipts/00000{receipt['chunk']}-0001.json").write_text(json.dumps(receipt))
    if status:
        (result / ".status.json").write_text(json.dumps(status))
        os.utime(result / ".status.json", (time.time() - age,) * 2)
    with files.open_directory(str(share)) as place:
        [found] = jobs.perform(jobs.Jobs(place, os.geteuid()), "list", "", 7)["jobs"]
    return found["state"], found["reason"], found["progress"]


@pytest.mark.parametrize(
    ("status", "age", "receipts", "expected"),
    [
        ({}, 0, (), ("unfinished", "", "")),
        (STATUS, 0, (), ("running", "", "processing on board1, 3 chunks run, about 4:30 left")),
        (
            STATUS | {"seconds_left": 119.7},
            0,
            (),
            ("running", "", "processing on board1, 3 chunks run, about 2:00 left"),
        ),
        # The driver gives the chunk another attempt, or will report its error.
        (STATUS, 0, (FAILED,), ("running", "", "processing on board1, 3 chunks run, about 4:30 left")),
        (STATUS, 1000, (), ("unfinished", "", "nothing from board1 for 1000 s")),
        (STATUS, 1000, (FAILED,), ("failed", "no column x", "nothing from board1 for 1000 s")),
        ({"stage": "failed", "error": "board1 was lost"}, 1000, (), ("failed", "board1 was lost", "")),
        ({"stage": "failed", "error": None}, 0, (FAILED,), ("failed", "no column x", "")),
        ({"stage": "stopped"}, 0, (), ("interrupted", "", "")),
    ],
)
def test_known_driver_status_decides_the_state(
    tmp_path: Path, status: dict[str, Any], age: float, receipts: tuple[dict[str, Any], ...], expected: tuple[str, ...]
) -> None:
    assert listed(tmp_path, status, age=age, receipts=receipts) == expected

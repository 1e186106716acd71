"""Recorded answers of a real engine, and a clock that tests move by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csvswarm.driver.job_files import ReceiptSummary
from csvswarm.driver.monitor import Snapshot
from csvswarm.driver.tasks import Task, slots_of

RECORDINGS = Path(__file__).parent / "recordings"
#: Slot n of a recording is chunk n + 10.
CHUNKS = tuple(range(11, 60))


@dataclass
class Clock:
    """The machine's clock, moved by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def recorded(name: str) -> dict[str, Any]:
    """Return the answers of a real engine, as record_docker_api.py wrote them down."""
    answers: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text())
    return answers


def tasks_of(name: str) -> list[Task]:
    """Return the tasks of a recording, as those of round 1."""
    answers = recorded(name)
    boards = {node["ID"]: node["Description"]["Hostname"] for node in answers["nodes"]}
    return [Task.from_json(task, boards, 1, CHUNKS) for task in answers["tasks"]]


def snapshot_of(name: str, chunks: int, *receipts: tuple[int, str]) -> Snapshot:
    """Return a recording as a snapshot of a round of chunks 11, 12, ... receipts: new ones, as (chunk, status)."""
    tasks = tasks_of(name)
    left = set(range(11, 11 + chunks)) - {chunk for chunk, _ in receipts}
    found = [ReceiptSummary(chunk, status, 100) for chunk, status in receipts]
    return Snapshot(found, chunks, tasks, slots_of(tasks, left))

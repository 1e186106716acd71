"""Every attempt that a job made, for job.json: those that left a receipt, and those whose end only the engine saw."""

from __future__ import annotations

import json
from typing import Any

from .job import Job, Manifest, Receipt, read_json


def attempts(job: Job, manifest: Manifest, counting: list[Receipt]) -> list[dict[str, Any]]:
    """Return every attempt, in order of chunk and time: who made it, when, what it read and wrote, how it ended.

    counting: the receipts that the result is made of. exit: exit code of its process, None when nobody saw one.
    """
    counts = {(receipt.chunk, receipt.attempt, receipt.generation) for receipt in counting}
    told = [
        _told(receipt, manifest, (receipt.chunk, receipt.attempt, receipt.generation) in counts)
        for receipt in _receipts(job)
    ]
    named = {attempt["attempt"] for attempt in told}
    told += [_lost(task) for task in _tasks(job) if task["attempt"] not in named]
    return sorted(told, key=lambda attempt: (attempt["chunk"], attempt["started"]))


def _receipts(job: Job) -> list[Receipt]:
    """Return the receipts of all attempts, also of those that came second."""
    found = []
    for path in sorted(job.attempts_directory.glob("*.json")):
        try:
            found.append(Receipt(**json.loads(path.read_bytes())))
        except (ValueError, TypeError):
            continue  # of an attempt that was killed while it wrote
    return found


def _told(receipt: Receipt, manifest: Manifest, counts: bool) -> dict[str, Any]:
    names = "chunk", "attempt", "board", "status", "started", "ended", "rows_in", "rows_out", "rejected", "peak_bytes"
    return {
        **{name: getattr(receipt, name) for name in names},
        "counts": counts,
        "bytes_in": manifest.chunks[receipt.chunk - 1].length,
        "bytes_out": sum(file["bytes"] for file in receipt.files.values()),
        "exit": 0,
        "message": receipt.message,
    }


def _tasks(job: Job) -> list[dict[str, Any]]:
    """Return what an engine that starts containers wrote down of its tasks, one file for each round."""
    files = [read_json(path) or {} for path in sorted(job.directory.glob("tasks-*.json"))]
    return [task for file in files for task in file.get("tasks", [])]


def _lost(task: dict[str, Any]) -> dict[str, Any]:
    names = "chunk", "attempt", "board", "started", "ended", "exit", "message"
    nothing = dict.fromkeys(("rows_in", "rows_out", "rejected", "peak_bytes", "bytes_in", "bytes_out"), 0)
    return {**nothing, **{name: task[name] for name in names}, "status": "lost", "counts": False}

"""All attempts of a job, for job.json: those with a receipt, and those known only to the engine."""

from __future__ import annotations

from typing import Any

from csvswarm.job.directory import JobDirectory
from csvswarm.job.durable_files import read_json
from csvswarm.job.manifest import Manifest
from csvswarm.job.receipt import Receipt, try_receipt


def attempt_history(job: JobDirectory, manifest: Manifest, counting: list[Receipt]) -> list[dict[str, Any]]:
    """Return all attempts in order of chunk and time: board, times, what each read and wrote, and how it ended.

    counting: the receipts that the result consists of. queued: when an engine planned its container; launched:
    when a board was assigned to it; both None for a local process. exit: exit code of the process, None if unknown.
    """
    counts = {(receipt.chunk, receipt.attempt, receipt.generation) for receipt in counting}
    tasks = _engine_tasks(job)
    by_attempt = {task["attempt"]: task for task in tasks}
    entries = [
        _receipt_entry(receipt, manifest, (receipt.chunk, receipt.attempt, receipt.generation) in counts)
        | _launch(by_attempt.get(receipt.attempt), receipt.started)
        for receipt in _receipts(job)
        if receipt.split == manifest.split and 1 <= receipt.chunk <= len(manifest.chunks)
    ]
    named = {attempt["attempt"] for attempt in entries}
    entries += [_lost_entry(task) for task in tasks if task["attempt"] not in named]
    return sorted(entries, key=lambda attempt: (attempt["chunk"], attempt["started"]))


def _receipts(job: JobDirectory) -> list[Receipt]:
    """Return the receipts of all attempts, including those that did not commit."""
    found = [try_receipt(path) for path in sorted(job.attempts_directory.glob("*.json"))]
    return [receipt for receipt in found if receipt is not None]


def _receipt_entry(receipt: Receipt, manifest: Manifest, counts: bool) -> dict[str, Any]:
    names = (
        *("chunk", "attempt", "board", "status", "started", "ended", "rows_in", "rows_out", "rejected"),
        *("peak_bytes", "limit_bytes", "cpu_seconds"),
    )
    return {
        **{name: getattr(receipt, name) for name in names},
        "counts": counts,
        "bytes_in": manifest.chunks[receipt.chunk - 1].length,
        "bytes_out": sum(file["bytes"] for file in receipt.files.values()),
        "exit": 0,
        "message": receipt.message,
    }


def _engine_tasks(job: JobDirectory) -> list[dict[str, Any]]:
    """Return the tasks recorded by an engine that starts containers, one file per round."""
    files = [read_json(path) or {} for path in sorted(job.directory.glob("tasks-*.json"))]
    return [task for file in files for task in file.get("tasks", [])]


def _launch(task: dict[str, Any] | None, began: float) -> dict[str, float | None]:
    """Return queued and launched, None for a local process. began: when work began.

    A short task may never have been seen on its board: then it was launched when its work began.
    """
    if task is None:
        return {"queued": None, "launched": None}
    placed = task.get("placed")
    return {"queued": task["started"], "launched": began if placed is None else min(placed, began)}


def _lost_entry(task: dict[str, Any]) -> dict[str, Any]:
    names = "chunk", "attempt", "board", "started", "ended", "exit", "message"
    counters = "rows_in", "rows_out", "rejected", "peak_bytes", "limit_bytes", "cpu_seconds", "bytes_in", "bytes_out"
    # It is unknown when its work began.
    began = task["started"] if "placed" not in task else task["ended"] if task["placed"] is None else task["placed"]
    known = {name: task[name] for name in names} | {"started": began} | _launch(task, began)
    return {**dict.fromkeys(counters, 0), **known, "status": "lost", "counts": False}

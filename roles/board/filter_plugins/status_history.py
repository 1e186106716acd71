"""The work of boards in the last jobs, from the records of jobs on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

#: Maximum number of jobs, the newest ones, and of bytes of one record.
JOBS, MAX_BYTES = 20, 64 << 20


def status_history(directories: list[str]) -> dict[str, Any]:
    """Return the work of each board in the newest jobs on boards.

    directories: those with a directory for each job, in which its record (job.json) is. jobs: the ids of the jobs.
    boards: hostname -> jobs, chunks, failed (attempts), seconds of work, speed (bytes per second of one slot), peak (of
    memory, in bytes) and last (the id of its newest job).
    """
    boards: dict[str, dict[str, Any]] = {}
    jobs: list[str] = []
    for path in sorted(_records(directories), key=lambda path: -path.stat().st_mtime):
        record = _read(path)
        attempts = [one for one in record.get("attempts", []) if one.get("launched") is not None]
        if not attempts or record["job_id"] in jobs:
            continue
        jobs.append(record["job_id"])
        for board in {one["board"] for one in attempts if one["board"]}:
            _add(boards, board, record["job_id"], [one for one in attempts if one["board"] == board])
        if len(jobs) == JOBS:
            break
    for found in boards.values():
        found["speed"] = found.pop("bytes") / found["seconds"] if found["seconds"] else 0.0
    return {"jobs": jobs, "boards": boards}


def _records(directories: list[str]) -> list[Path]:
    return [path for directory in directories for path in Path(directory).glob("*/job.json") if path.is_file()]


def _read(path: Path) -> dict[str, Any]:
    """Return a record; an empty one if the file is not a record, or of another version."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return {}
        record = json.loads(path.read_bytes())
        is_ours = isinstance(record, dict) and record.get("format", 0) >= 3
    except (OSError, ValueError):
        return {}
    return record if is_ours else {}


def _add(boards: dict[str, dict[str, Any]], board: str, job: str, attempts: list[dict[str, Any]]) -> None:
    none = {"jobs": 0, "chunks": 0, "failed": 0, "seconds": 0.0, "bytes": 0, "peak": 0, "last": job}
    found = boards.setdefault(board, none)
    worked = [one for one in attempts if one["bytes_in"]]
    found["jobs"] += 1
    found["chunks"] += sum(one["counts"] for one in attempts)
    found["failed"] += sum(one["status"] in ("lost", "error", "suspect") for one in attempts)
    found["seconds"] += sum(max(one["ended"] - one["started"], 0.0) for one in worked)
    found["bytes"] += sum(one["bytes_in"] for one in worked)
    found["peak"] = max(found["peak"], *(one["peak_bytes"] for one in attempts))


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"status_history": status_history}

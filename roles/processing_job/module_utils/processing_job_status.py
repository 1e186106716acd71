"""The status that a job's driver renews in the output directory on the share, read as untrusted data.

Only the driver writes it: no chunk's container mounts that directory. A user's `combine` may run in a container that
does, so nothing in the file is trusted: its size, types and texts are bounded before they are printed.
"""

from __future__ import annotations

import os
import time
from typing import Any

from ansible.module_utils.processing_job_files import acting_as, read_json
from ansible.module_utils.processing_job_text import printable, printable_line
from ansible.module_utils.processing_job_untrusted_files import Damaged, open_directory

NAME = ".status.json"
BYTES = 65_536
STAGES = ("starting", "splitting", "processing", "collecting", "done", "failed", "stopped")
#: Stages after which the driver writes nothing.
FINAL = ("done", "failed", "stopped")
HINTS = ("resume", "new_job")
NOTES = 20
LONGEST = 4_000
#: Seconds after which a status counts as stale. The driver renews it every few seconds.
STALE_AFTER = 60.0
#: Seconds between two reads of the file.
PAUSE = 0.2


def read_status(job: str, results: int, owner: int | None) -> dict[str, Any] | None:
    """Return the status of a job, None if its driver has not written one or something else is in its place.

    results: the open folder of all results. age: seconds since the file was written, by the server's own clock.
    """
    try:
        with acting_as(owner), open_directory(job, results) as output:
            found = read_json(NAME, output, BYTES)
            age = time.time() - os.stat(NAME, dir_fd=output, follow_symlinks=False).st_mtime
    except (FileNotFoundError, Damaged):
        return None
    return {**checked(found), "age": max(age, 0.0)}


def checked(found: dict[str, Any]) -> dict[str, Any]:
    """Return a complete status with valid fields: missing fields and those of another type are 0 or empty."""
    stage = found.get("stage")
    chunks, size, stages = (_dict(found.get(name)) for name in ("chunks", "bytes", "stages"))
    return {
        "job": _line(found.get("job")),
        "stage": stage if stage in STAGES else "starting",
        "board": _line(found.get("board")),
        "service": _line(found.get("service")),
        "started": _number(found.get("started")),
        "updated": _number(found.get("updated")),
        "chunks": {
            name: int(_number(chunks.get(name))) for name in ("total", "done", "running", "waiting", "failed_attempts")
        },
        "bytes": {name: int(_number(size.get(name))) for name in ("total", "done")},
        "rows_done": int(_number(found.get("rows_done"))),
        "rows_per_second": _number(found.get("rows_per_second")),
        "seconds_left": None if found.get("seconds_left") is None else _number(found.get("seconds_left")),
        "notes": [_line(note) for note in _list(found.get("notes"))[-NOTES:]],
        "stages": {name: _number(stages.get(name)) for name in ("split", "process", "collect")},
        "error": None if found.get("error") is None else _text(found.get("error")),
        "hint": found.get("hint") if found.get("hint") in HINTS else None,
    }


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return 0.0
    return float(value) if 0 <= value < 1 << 63 else 0.0


def _line(value: object) -> str:
    return printable_line(str(value)[:LONGEST]) if isinstance(value, str) else ""


def _text(value: object) -> str:
    return printable(value[:LONGEST]) if isinstance(value, str) else ""

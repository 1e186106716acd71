"""Summarizes a job directory, into which the job's processor may have written anything."""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

from ansible.module_utils.processing_job_files import BYTES, read_json
from ansible.module_utils.processing_job_job_state import job_status
from ansible.module_utils.processing_job_text import printable, printable_line
from ansible.module_utils.processing_job_untrusted_files import Damaged, entries_in, open_directory

#: Maximum entries of a job directory and of its logs: csvswarm creates a few for each round and attempt.
FILES, LOGS = 10_000, 10_000
RECEIPT_BYTES = 4_000_000
#: Maximum printed characters of a text, and printed errors of a job.
LONGEST, ERRORS = 4_000, 20
_Kind = TypeVar("_Kind")


class Budget:
    """The number of bytes of JSON that may still be read."""

    def __init__(self, left: int) -> None:
        self.left = left

    def read(self, name: str, at: int, limit: int = BYTES) -> dict[str, Any]:
        """Return the object in a JSON file, an empty one if the file is missing or empty. Raises Damaged."""
        try:
            status = os.stat(name, dir_fd=at, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) and not status.st_size:  # possible after a power cut
                return {}
            self.left -= min(status.st_size, limit)
            if self.left < 0:
                raise Damaged("its files are larger than those of any job")
            found: dict[str, Any] = read_json(name, at, limit)
        except FileNotFoundError:
            return {}
        return found


def empty_summary(job: str) -> dict[str, Any]:
    """Return the summary of a job before its directory is read."""
    return {
        "job": printable_line(job),
        "damage": "",
        "reason": "",
        "manifest": {},
        **dict.fromkeys(("chunks", "finished", "rows", "changed"), 0),
        **dict.fromkeys(("input", "processor", "options", "output", "progress"), ""),
        **{name: [] for name in ("errors", "logs")},
    }


def read_summary(
    job: int, budget: Budget, *, full: bool, shared: bool, running: bool | None, error: str = ""
) -> dict[str, Any]:
    """Return the summary of an open job directory. full: errors and logs too, on this machine also the request.

    running: whether the job runs, None if unknown. error: the error that ended it, from its driver.
    Raises Damaged and OSError.
    """
    manifest, done = budget.read("manifest.json", job), budget.read("done.json", job)
    newest = receipts(job, budget)
    failed = [receipt for receipt in newest.values() if receipt["status"] in ("error", "suspect")]
    chunks = [needed(chunk, "rows", int) for chunk in value(manifest, "chunks", list)]
    request, source, processor = (value(manifest, name, dict) for name in ("request", "input", "processor"))
    state = job_status(
        chunks if manifest else None,
        newest.values(),
        is_done=bool(done),
        is_running=running,
        max_rejected=value(request, "max_rejected", str),
        error=error,
    )
    found: dict[str, Any] = {
        "state": state.name,
        "reason": cut(printable(state.reason)),
        "chunks": len(chunks),
        "finished": state.finished,
        "changed": changed(job),
        "rows": sum(chunks),
        "input": line(value(source, "path", str)),
        "processor": line(value(processor, "name", str)),
        "options": line(json.dumps(value(request, "options", dict), ensure_ascii=False)),
        "output": line(value(manifest, "output", str) or value(done, "output", str)),
    }
    if full:
        found["errors"] = sorted({cut(printable(receipt["message"])) for receipt in failed})[:ERRORS]
        found["logs"] = logs(job)
    if full and not shared and manifest:
        # The exact request: a resume repeats it.
        output = value(manifest, "output", str) or value(done, "output", str)
        found["manifest"] = {"request": request, "input": source, "processor": processor, "output": output}
        found["manifest"] |= {"files": value(manifest, "files", list), "packages": value(manifest, "packages", dict)}
    return found


def changed(job: int) -> float:
    """Return when a job directory or a file in it was last written."""
    newest = os.fstat(job).st_mtime
    for entry in entries_in(job, FILES):
        with suppress(FileNotFoundError):  # the job may run
            newest = max(newest, entry.stat(follow_symlinks=False).st_mtime)
    return newest


def receipts(job: int, budget: Budget) -> dict[int, dict[str, Any]]:
    """Return the newest receipt of each chunk, as `job_status` needs it. Raises Damaged."""
    newest: dict[int, dict[str, Any]] = {}
    try:
        with open_directory("receipts", job) as opened:
            for name in sorted(entry.name for entry in entries_in(opened) if entry.name.endswith(".json")):
                if receipt := budget.read(name, opened, RECEIPT_BYTES):
                    newest[needed(receipt, "chunk", int)] = {
                        **{field: needed(receipt, field, str) for field in ("status", "message")},
                        **{field: value(receipt, field, int) for field in ("chunk", "generation", "rejected")},
                    }
    except FileNotFoundError:
        return newest
    return newest


def logs(job: int) -> list[str]:
    """Return the names of the logs, the first thousand."""
    try:
        with open_directory("logs", job) as opened:
            names = sorted(entry.name for entry in entries_in(opened, LOGS) if entry.name.endswith(".log"))
    except FileNotFoundError:
        return []
    return [line(name) for name in islice(names, 1000)]


def value(found: dict[str, Any], name: str, kind: type[_Kind]) -> _Kind:
    """Return the value of a name in a JSON object, an empty one if it is missing. Raises Damaged for another type."""
    return kind() if found.get(name) is None else needed(found, name, kind)


def needed(found: Any, name: str, kind: type[_Kind]) -> _Kind:
    """Return the value of a name in a JSON object. Raises Damaged for another type or a negative number."""
    inside = found.get(name) if isinstance(found, dict) else None
    if (
        not isinstance(inside, kind)
        or isinstance(inside, bool)
        or (isinstance(inside, int) and not 0 <= inside < 1 << 63)
    ):
        raise Damaged(f"{name} is not what csvswarm writes")
    return inside


def line(text: str) -> str:
    """Return a text to print in one line."""
    return cut(printable_line(text))


def cut(text: str) -> str:
    """Return the part of a text that is printed."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."

"""The status file of a job, which the control node shows. It is small, replaced atomically, and only read by others.

It is in the directory of the result, which no container of a chunk mounts. The driver reads it back only to
continue the times of its predecessor.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from csvswarm.errors import printable
from csvswarm.job.untrusted_files import Damaged, open_directory, read_json
from csvswarm.printable import printable_line

FORMAT = 1
NAME = ".status.json"
MAX_BYTES = 65_536
#: Seconds between renewals within a stage.
RENEW_AFTER = 2.0
MAX_NOTES, MAX_NOTE = 20, 300
STAGES = ("split", "process", "collect")
#: The states of a job that has ended.
ENDED = ("done", "failed", "stopped")


class Status:
    """The status of one job, and its file.

    service: id of the driver's service, which distinguishes this deployment from an earlier one. Seconds of
    the stages and the time of the start continue those of an earlier driver of the same service.
    """

    def __init__(self, output: Path, job: str, service: str, board: str) -> None:
        self._path = output / NAME
        self._written = -math.inf
        self._stage_since: tuple[str, float] | None = None
        self.values: dict[str, Any] = {
            "format": FORMAT,
            "job": job,
            "service": service,
            "stage": "starting",
            "board": board,
            "started": time.time(),
            "updated": 0.0,
            "chunks": dict.fromkeys(("total", "done", "running", "waiting", "failed_attempts"), 0),
            "bytes": {"total": 0, "done": 0},
            "rows_done": 0,
            "rows_per_second": 0,
            "seconds_left": None,
            "notes": [],
            "stages": dict.fromkeys(STAGES, 0.0),
            "error": None,
            "hint": None,
            "exit": None,
        }
        self.continues = self.take_over()

    def take_over(self) -> bool:
        """Take over the status that an earlier driver of this service wrote. Return whether there is one."""
        try:
            with open_directory(self._path.parent) as output:
                earlier = read_json(NAME, output, MAX_BYTES)
            if earlier["service"] != self.values["service"]:
                return False
            started, stages = float(earlier["started"]), {name: float(earlier["stages"][name]) for name in STAGES}
            notes = [printable_line(str(note))[:MAX_NOTE] for note in earlier["notes"]][-MAX_NOTES:]
        except (OSError, Damaged, KeyError, TypeError, ValueError):
            return False
        if min(stages.values()) >= 0:
            self.values |= {"started": min(started, time.time()), "stages": stages, "notes": notes}
        return True

    def enter(self, stage: str, part: str | None = None) -> None:
        """Begin a stage. part: the entry of "stages" that its seconds count for."""
        self._count()
        self._stage_since = None if part is None else (part, time.monotonic())
        if stage not in ENDED:
            self.values |= {"bytes": {"total": 0, "done": 0}, "rows_per_second": 0, "seconds_left": None}
        self.values["stage"] = stage
        self.write()

    def show_progress(self, of_script: Mapping[str, Any]) -> None:
        """Copy the progress of a script within its stage: bytes, rows per second and seconds left."""
        self.values |= {name: of_script[name] for name in ("bytes", "rows_per_second", "seconds_left")}

    def seconds_of(self, part: str) -> float:
        """Return the seconds that a part of the job has taken so far."""
        self._count()
        return float(self.values["stages"][part])

    def note(self, text: str) -> None:
        """Add a line for people, unless it repeats the last one."""
        line = printable_line(text)[:MAX_NOTE]
        if self.values["notes"][-1:] != [line]:
            self.values["notes"] = [*self.values["notes"], line][-MAX_NOTES:]
            self.write()

    def end(self, stage: str, *, error: str | None = None, hint: str | None = None) -> None:
        """Write how the job ended: done, failed or stopped."""
        self.values |= {"error": None if error is None else printable(error), "hint": hint}
        self.values["exit"] = {"done": 0, "failed": 1}.get(stage)
        self.enter(stage)

    @property
    def is_due(self) -> bool:
        """Whether the file must be renewed."""
        return time.monotonic() - self._written >= RENEW_AFTER

    def renew(self) -> None:
        """Write the file if that is due."""
        if self.is_due:
            self.write()

    def write(self) -> None:
        """Replace the file. If the share is full or unreachable, the old file stays, and the job continues."""
        self._count()
        self._written = time.monotonic()
        self.values["updated"] = time.time()
        data = json.dumps(self.values, ensure_ascii=False).encode()
        aside = self._path.with_name(f"{NAME}.{os.getpid()}")
        with suppress(OSError):
            aside.unlink(missing_ok=True)
            with aside.open("xb") as file:
                file.write(data)
            aside.replace(self._path)

    def _count(self) -> None:
        if self._stage_since is not None:
            part, since = self._stage_since
            now = time.monotonic()
            self.values["stages"][part] = round(self.values["stages"][part] + now - since, 3)
            self._stage_since = part, now

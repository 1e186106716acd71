"""The progress line of a job, for both engines: drawn from a status, on a terminal or in a log.

A status is what the driver of a job on boards, and the scripts of a job on this machine, write to a file: stage,
started and updated (seconds since 1970), chunks (total, done, running, waiting, failed_attempts), bytes (total, done),
rows_per_second, seconds_left, notes. Plugins load this file by its path.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: Seconds between two lines in a log.
LINE_EVERY = 10.0
#: Number of remembered notes, so that each is printed once.
MAX_NOTES = 1000
STAGES = {
    "starting": "starting",
    "splitting": "splitting the input",
    "collecting": "collecting the partial results",
}


def status_line(status: dict[str, Any], remark: str = "") -> str:
    """Return the progress line of a status."""
    chunks, stage = status.get("chunks") or {}, status.get("stage", "starting")
    if stage in STAGES or not chunks.get("total"):
        parts = [STAGES.get(stage, stage)]
    else:
        parts = [f"chunks {chunks['done']}/{chunks['total']} done", f"{chunks['running']} running"]
        if chunks["waiting"]:
            parts.append(f"{chunks['waiting']} waiting")
    parts += [_percent(status.get("bytes") or {}, stage), _failures(chunks), _rate(status), _left(status)]
    return ", ".join(filter(None, parts)) + (f" ({remark})" if remark else "")


def _percent(size: dict[str, float], stage: str) -> str:
    total, done = size.get("total", 0), size.get("done", 0)
    if not total or stage in ("starting", "done", "failed", "stopped"):
        return ""
    return f"{min(100 * done / total, 100):.0f} % of {total / 1e6:,.0f} MB" if total >= 1e6 else ""


def _failures(chunks: dict[str, int]) -> str:
    failed = chunks.get("failed_attempts", 0)
    return f"{failed} failed attempt{'s' * (failed > 1)}" if failed else ""


def _rate(status: dict[str, Any]) -> str:
    rate = status.get("rows_per_second")
    return f"{rate:,.0f} rows/s" if rate else ""


def _left(status: dict[str, Any]) -> str:
    left = status.get("seconds_left")
    if left is None or status.get("stage") in ("done", "failed", "stopped"):
        return ""
    whole = max(round(left), 0)
    if whole < 3600:
        return f"about {whole // 60}:{whole % 60:02} left"
    return f"about {whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02} left"


class Progress:
    """Shows the line: rewritten in place on a terminal, printed now and then in a log.

    display: Ansible's. first: seconds until the first line in a log. notes: those that were printed before.
    """

    def __init__(self, display: Any, *, first: float = 0.0, notes: Sequence[str] = ()) -> None:
        self._display = display
        self._next = time.monotonic() + first
        self._last = ""
        self._live = on_terminal()
        self._notes = [*notes]

    def show(self, text: str, *, last: bool = False) -> None:
        """Show a line, if it is due. last: it stays on the terminal."""
        now = time.monotonic()
        if self._live:
            self._display.display(f"\r\033[K{text}", screen_only=True, newline=last)
        elif text != self._last and (last or now >= self._next):
            self._display.display(text)
            self._next, self._last = now + LINE_EVERY, text

    def add_notes(self, notes: Sequence[str]) -> None:
        """Print new notes, each on a line that stays. The driver keeps its newest ones."""
        for note in notes:
            if note not in self._notes:
                self._display.display(f"\r\033[K{note}" if self._live else note)
        self._notes = [*notes, *(note for note in self._notes if note not in notes)][:MAX_NOTES]

    def clear(self) -> None:
        """Remove the line from a terminal; a log keeps it."""
        if self._live:
            self._display.display("\r\033[K", screen_only=True, newline=False)


def on_terminal() -> bool:
    """Return whether the run's standard output is a terminal. A task's process has none, so the parent's decides."""
    try:
        return str(Path(f"/proc/{os.getppid()}/fd/1").readlink()).startswith(("/dev/pts/", "/dev/tty"))
    except OSError:
        return False

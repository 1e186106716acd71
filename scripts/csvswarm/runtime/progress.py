"""The progress of a stage: counters that processes and threads share, and the status file written from them.

Nothing is counted unless CSVSWARM_STATUS names a file: the action plugin that runs a script sets it, and draws its
progress line from the file. Counters of one slot have one writer at a time, so no lock is needed.
"""

from __future__ import annotations

import json
import mmap
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

#: The environment variable that names the status file, and seconds between two writes of it.
VARIABLE, EVERY = "CSVSWARM_STATUS", 0.4
#: Minimum share and seconds of work done before the time left is estimated.
ENOUGH_SHARE, ENOUGH_SECONDS = 0.02, 1.0
FORMAT = 1
_DONE, _FAILED, _NEXT_WRITE = 0, 1, 2
#: Time of the first counted bytes, in nanoseconds, and their number: speed is measured from then on.
_FIRST_AT, _FIRST_BYTES = 3, 4
_HEADER = 5
#: Counters of a slot: bytes and rows read, and whether it is in progress.
_BYTES, _ROWS, _RUNNING, _SLOT = 0, 1, 2, 3


class _Counters:
    """Counters of one stage, in memory that forked processes share."""

    def __init__(self, path: str, stage: str, sizes: Sequence[int], finished: Iterable[int], of_chunks: bool) -> None:
        self._path, self._stage, self._sizes, self._of_chunks = path, stage, sizes, of_chunks
        self._values = memoryview(mmap.mmap(-1, 8 * (_HEADER + _SLOT * len(sizes)))).cast("Q")
        self._began, self._started = time.monotonic(), time.time()
        finished = list(finished)
        self._before = sum(sizes[slot] for slot in finished)
        for slot in finished:
            self._values[self._at(slot, _BYTES)] = sizes[slot]
        self._values[_DONE] = len(finished)

    @staticmethod
    def _at(slot: int, counter: int) -> int:
        return _HEADER + _SLOT * slot + counter

    def advance(self, slot: int, size: int, rows: int) -> None:
        self._values[self._at(slot, _BYTES)] += size
        self._values[self._at(slot, _ROWS)] += rows
        if size and not self._values[_FIRST_AT]:
            self._values[_FIRST_AT], self._values[_FIRST_BYTES] = time.monotonic_ns(), size
        self.write_if_due()

    def restart(self, slot: int) -> None:
        for counter, value in ((_BYTES, 0), (_ROWS, 0), (_RUNNING, 1)):
            self._values[self._at(slot, counter)] = value
        self.write_if_due()

    def end(self, slot: int, failed: bool) -> None:
        self._values[self._at(slot, _RUNNING)] = 0
        self._values[_FAILED if failed else _DONE] += 1
        self._values[self._at(slot, _BYTES)] = 0 if failed else self._sizes[slot]
        self.write_if_due()

    def write_if_due(self) -> None:
        now = time.monotonic_ns()
        if now >= self._values[_NEXT_WRITE]:
            self._values[_NEXT_WRITE] = now + int(EVERY * 1e9)
            self.write()

    def write(self) -> None:
        """Replace the status file. A full disk does not stop the job."""
        aside = f"{self._path}.{os.getpid()}"
        with suppress(OSError):
            with open(aside, "w", encoding="ascii") as file:
                json.dump(self.status(), file)
            os.replace(aside, self._path)

    def status(self) -> dict[str, object]:
        """Return the status, as the driver of a job on boards writes it."""
        counters = self._values[_HEADER:].tolist()
        done, total = sum(counters[_BYTES::_SLOT]), sum(self._sizes)
        rows, running = sum(counters[_ROWS::_SLOT]), sum(counters[_RUNNING::_SLOT])
        passed = max(time.monotonic() - self._began, 1e-3)
        chunks, finished = (len(self._sizes) if self._of_chunks else 0), self._values[_DONE]
        return {
            "format": FORMAT,
            "stage": self._stage,
            "started": self._started,
            "updated": time.time(),
            "chunks": {
                "total": chunks,
                "done": finished,
                "running": running,
                "waiting": max(chunks - finished - running, 0),
                "failed_attempts": self._values[_FAILED],
            },
            "bytes": {"total": total, "done": min(done, total)},
            "rows_done": rows,
            "rows_per_second": round(rows / passed),
            "seconds_left": self._seconds_left(done, total),
            "notes": [],
            "error": None,
        }

    def _seconds_left(self, done: int, total: int) -> float | None:
        """Return the remaining seconds of the stage, at the speed since its first bytes; None while unknown."""
        if not self._values[_FIRST_AT] or done > total:
            return None
        passed = (time.monotonic_ns() - self._values[_FIRST_AT]) / 1e9
        fresh = done - self._before - self._values[_FIRST_BYTES]
        if passed < ENOUGH_SECONDS or fresh < max(ENOUGH_SHARE * (total - self._before), 1):
            return None
        return round(passed / fresh * (total - done), 1)


#: The counters of the stage that runs, if any: one at a time, shared with all processes that this one forks.
_stages: list[_Counters] = []


def begin(stage: str, sizes: Sequence[int], finished: Iterable[int] = (), *, of_chunks: bool = False) -> None:
    """Begin a stage. sizes: bytes of each slot, a part of the work. finished: slots that were done before.

    of_chunks: whether the slots are the chunks of a job, in order.
    """
    path = os.environ.get(VARIABLE)
    _stages[:] = [_Counters(path, stage, sizes, finished, of_chunks)] if path else []
    for current in _stages:
        current.write()


def advance(slot: int, size: int, rows: int = 0) -> None:
    """Count bytes and rows of a slot, numbered from 0."""
    for current in _stages:
        current.advance(slot, size, rows)


def restart(slot: int) -> None:
    """Reset a slot, because a new attempt at it begins."""
    for current in _stages:
        current.restart(slot)


def end(slot: int, *, failed: bool = False) -> None:
    """Count a slot as done, or a failed attempt at it."""
    for current in _stages:
        current.end(slot, failed)


def finish() -> None:
    """Write the final status of a stage."""
    for current in _stages:
        current.write()
    stop()


def stop() -> None:
    """Stop counting in this process."""
    _stages.clear()

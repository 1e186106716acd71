"""Estimates the remaining time of a round: the remaining work, spread over the slots in use."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

#: A chunk that has run for longer than expected is expected to run for this additional part of its time.
_OVERDUE = 0.25
#: With more waiting chunks than this, the uneven end of a round no longer matters.
_MANY = 1000


class TimeLeft:
    """Estimates the remaining seconds of a round from the slot-seconds per byte of its chunks.

    sizes: bytes of each chunk of the job, chunk 1 first. Times are of one clock, in seconds.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self._sizes = sizes
        self._bytes = 0
        self._busy = 0.0
        self._slots = 0
        self._at: float | None = None

    def update(self, now: float, finished: Iterable[int], slots: int) -> None:
        """Record the chunks that have finished since the last update, and the number of slots in use from now on.

        Chunks that had finished before the first update do not count.
        """
        if self._at is not None:
            self._busy += (now - self._at) * self._slots
            self._bytes += sum(self._sizes[chunk - 1] for chunk in finished)
        self._at, self._slots = now, slots

    def seconds(self, running: Mapping[int, float], waiting: Sequence[int]) -> float | None:
        """Return the seconds left from the last update; None while they are unknown.

        running: chunk -> when it began. waiting: chunks that have no board yet.
        """
        if self._at is None or not self._bytes or not self._slots:
            return None
        elapsed = {chunk: self._at - since for chunk, since in running.items()}
        pace = self._pace(elapsed)
        if not pace:
            return None
        ends = [max(pace * self._sizes[chunk - 1] - passed, _OVERDUE * passed) for chunk, passed in elapsed.items()]
        works = [pace * self._sizes[chunk - 1] for chunk in waiting]
        slots = max(self._slots, len(ends))
        if len(works) > _MANY:
            return (sum(ends) + sum(works)) / slots
        free = ends + [0.0] * (slots - len(ends))
        heapq.heapify(free)
        for work in works:
            heapq.heapreplace(free, free[0] + work)
        return max(free)

    def _pace(self, elapsed: Mapping[int, float]) -> float:
        """Return slot-seconds per byte: of finished chunks, and of chunks that already run for longer than expected."""
        pace = max(self._busy - sum(elapsed.values()), 0.0) / self._bytes
        overdue = [chunk for chunk, passed in elapsed.items() if passed > pace * self._sizes[chunk - 1]]
        busy = self._busy - sum(passed for chunk, passed in elapsed.items() if chunk not in overdue)
        return max(busy, 0.0) / (self._bytes + sum(self._sizes[chunk - 1] for chunk in overdue))

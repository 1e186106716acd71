"""Arranges attempts in lanes of their boards, and computes how busy the boards were."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from statistics import median
from typing import Any

Attempt = dict[str, Any]


def begin(attempt: Attempt) -> float:
    """Return when an attempt began to occupy a slot: the start of its container, or of its work."""
    launched = attempt.get("launched")
    return float(min(launched, attempt["started"]) if launched else attempt["started"])


def waited(attempt: Attempt) -> float:
    """Return the seconds that an attempt waited for a board, 0 if unknown."""
    queued = attempt.get("queued")
    return max(begin(attempt) - queued, 0.0) if queued else 0.0


@dataclass
class Lane:
    """A slot of a board: its attempts do not overlap. indexes: those of these attempts, in order of time."""

    board: str
    number: int
    indexes: list[int] = field(default_factory=list)


def lanes_of(attempts: list[Attempt]) -> list[Lane]:
    """Return the fewest lanes in which no two attempts of a board overlap, by board."""
    boards: dict[str, list[int]] = {}
    for index, attempt in enumerate(attempts):
        boards.setdefault(attempt["board"], []).append(index)
    found: list[Lane] = []
    for board, indexes in sorted(boards.items()):
        own: list[Lane] = []
        free: list[tuple[float, int]] = []  # when each lane becomes free
        for index in sorted(indexes, key=lambda index: begin(attempts[index])):
            if free and free[0][0] <= begin(attempts[index]):
                _, number = heapq.heappop(free)
            else:
                number = len(own)
                own.append(Lane(board, number + 1))
            own[number].indexes.append(index)
            heapq.heappush(free, (float(attempts[index]["ended"]), number))
        found += own
    return found


@dataclass
class Board:
    """The work of a board. slowdown: its seconds per byte relative to the median board. peak, limit: in bytes."""

    name: str
    lanes: int
    attempts: int
    chunks: int
    busy: float
    idle: float
    bytes_per_second: float
    slowdown: float
    peak: int
    limit: int


def boards_of(attempts: list[Attempt], lanes: list[Lane], span: float) -> list[Board]:
    """Return the boards, by name. span: seconds in which chunks ran. idle: share of it in which lanes were empty."""
    found = []
    for name in sorted({lane.board for lane in lanes}):
        count = sum(lane.board == name for lane in lanes)
        own = [one for one in attempts if one["board"] == name]
        busy = sum(one["ended"] - begin(one) for one in own)
        working = sum(one["ended"] - one["started"] for one in own if one["bytes_in"])
        read = sum(one["bytes_in"] for one in own)
        found.append(
            Board(
                name=name,
                lanes=count,
                attempts=len(own),
                chunks=sum(one["counts"] for one in own),
                busy=busy,
                idle=max(0.0, 1 - busy / (span * count)) if span else 0.0,
                bytes_per_second=read / working if working else 0.0,
                slowdown=1.0,
                peak=max(one["peak_bytes"] for one in own),
                limit=max(one["limit_bytes"] for one in own),
            )
        )
    usual = median([board.bytes_per_second for board in found if board.bytes_per_second] or [0.0])
    for board in found:
        if board.bytes_per_second:
            board.slowdown = usual / board.bytes_per_second
    return found


#: An attempt is an outlier if it took this many times the median time for its bytes, and at least this many seconds.
OUT_OF_LINE, OUT_OF_LINE_SECONDS = 2.0, 2.0


def outliers(attempts: list[Attempt]) -> list[tuple[int, float]]:
    """Return (index, times longer than the median) of the slowest attempts for their bytes, at most ten."""
    paces = {
        index: (one["ended"] - one["started"]) / one["bytes_in"]
        for index, one in enumerate(attempts)
        if one["status"] == "done" and one["bytes_in"] and one["ended"] > one["started"]
    }
    if len(paces) < 3:
        return []
    usual = median(paces.values())
    slow = [
        (index, pace / usual)
        for index, pace in paces.items()
        if pace > OUT_OF_LINE * usual and attempts[index]["ended"] - attempts[index]["started"] > OUT_OF_LINE_SECONDS
    ]
    return sorted(slow, key=lambda one: -one[1])[:10]

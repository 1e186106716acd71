"""The timeline: a scale of time without long pauses, and the bars of each lane as SVG paths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from csvswarm.report.lanes import Attempt, Lane, begin, waited

#: Width of the drawing in units, and the height of a lane.
WIDTH, HEIGHT = 2000, 16
#: Maximum number of lanes; number of attempts beyond which touching bars are drawn as one.
MAX_LANES, MAX_BARS = 120, 2000
#: A pause between two runs of a job is omitted if it is longer than this many seconds and this share of the rest.
PAUSE_SECONDS, PAUSE_SHARE = 5.0, 0.1


@dataclass
class Scale:
    """Maps seconds since 1970 to units. pieces: (start, end) of the times drawn, in order."""

    pieces: list[tuple[float, float]]

    @property
    def seconds(self) -> float:
        return sum(end - start for start, end in self.pieces) or 1e-9

    def elapsed(self, moment: float) -> float:
        """Return the seconds from the start, without pauses."""
        return sum(min(moment, end) - start for start, end in self.pieces if moment > start)

    def x(self, moment: float) -> int:
        return round(self.elapsed(moment) / self.seconds * WIDTH)

    def pauses(self) -> list[tuple[float, float]]:
        """Return (share of the width, omitted seconds) of each pause."""
        gaps = zip(self.pieces, self.pieces[1:], strict=False)
        return [(self.elapsed(end) / self.seconds, start - end) for (_, end), (start, _) in gaps]

    def ticks(self) -> list[tuple[float, str]]:
        """Return (share of the width, label) of some round times."""
        step = next(
            (step for step in _steps() if self.seconds / step <= 6),
            self.seconds,
        )
        count = int(self.seconds / step)
        return [(number * step / self.seconds, _short(number * step)) for number in range(count + 1)]


def _steps() -> Iterable[float]:
    yield from (factor * power for power in (0.001, 0.01, 0.1, 1.0) for factor in (1, 2, 5))
    yield from (10, 15, 30)
    yield from (60 * minutes for minutes in (1, 2, 5, 10, 15, 30))
    yield from (3600 * hours for hours in (1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720))


def _short(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min" + (f" {seconds % 60:.0f} s" if seconds % 60 else "")
    return f"{seconds // 3600:.0f} h" + (f" {seconds % 3600 // 60:.0f} min" if seconds % 3600 else "")


def scale_of(spans: Iterable[tuple[float, float]]) -> Scale:
    """Return the scale that shows these spans of time, without long pauses between them."""
    merged: list[list[float]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    busy = sum(end - start for start, end in merged)
    pieces: list[tuple[float, float]] = []
    for start, end in merged:
        if pieces and start - pieces[-1][1] <= max(PAUSE_SECONDS, PAUSE_SHARE * busy):
            pieces[-1] = (pieces[-1][0], end)
        else:
            pieces.append((start, end))
    return Scale(pieces)


#: Style of a bar: top and height in a lane. Waiting and starting are thinner, so that colour is not the only
#: difference.
SHAPES = {
    "waiting": (7, 2),
    "starting": (6, 4),
    "done": (1, 14),
    "spare": (4, 8),
    "misfit": (4, 8),
    "failed": (1, 14),
    "lost": (1, 14),
}


def bar_style(attempt: Attempt) -> str:
    """Return how an attempt is drawn: one of SHAPES."""
    if attempt["status"] == "done":
        return "done" if attempt["counts"] else "spare"
    return {"misfit": "misfit", "lost": "lost"}.get(attempt["status"], "failed")


def paths(lane: Lane, attempts: list[Attempt], scale: Scale, total: int) -> dict[str, str]:
    """Return the bars of a lane by style, each the `d` of one path. total: attempts of all lanes."""
    bars: dict[str, list[list[int]]] = {}
    free = 0.0  # when the lane was last in use
    for index in lane.indexes:
        attempt = attempts[index]
        waiting = max(begin(attempt) - waited(attempt), free)
        free = attempt["ended"]
        left, middle, right = (scale.x(t) for t in (begin(attempt), attempt["started"], attempt["ended"]))
        if left > scale.x(waiting):
            _add(bars.setdefault("waiting", []), scale.x(waiting), left, total)
        if middle > left:
            _add(bars.setdefault("starting", []), left, middle, total)
        _add(bars.setdefault(bar_style(attempt), []), middle, max(right, middle + 2), total)
    return {
        name: "".join(_bar(left, right, *SHAPES[name], total) for left, right in bars[name])
        for name in SHAPES
        if name in bars
    }


def _add(bars: list[list[int]], left: int, right: int, total: int) -> None:
    if bars and total > MAX_BARS and left <= bars[-1][1] + 1:
        bars[-1][1] = max(bars[-1][1], right)
    else:
        bars.append([left, right])


def _bar(left: int, right: int, top: int, height: int, total: int) -> str:
    # A hairline between bars that touch, where there is room for it.
    width = max(right - left - (2 if total <= MAX_BARS and right - left > 8 else 0), 1)
    return f"M{left} {top}h{width}v{height}h-{width}z"


def stage_bars(stages: list[dict[str, Any]], scale: Scale) -> list[dict[str, Any]]:
    """Return name, seconds, left and width (in shares of the drawing) of each stage."""
    found = []
    for stage in stages:
        left, right = scale.elapsed(stage["started"]), scale.elapsed(stage["ended"])
        seconds = stage["ended"] - stage["started"]
        found.append(
            {
                "name": stage["name"],
                "seconds": seconds,
                "left": left / scale.seconds,
                "width": max((right - left) / scale.seconds, 0.002),
            }
        )
    return found

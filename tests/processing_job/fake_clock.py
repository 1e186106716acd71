"""A clock that tests move by hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """The machine's clock, moved by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

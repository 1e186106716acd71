"""Waits for conditions, with a limit, instead of fixed sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(what: str, condition: Callable[[], T], limit: float = 300) -> T:
    """Return the first true answer of `condition`. Raises AssertionError, which names `what`, after `limit` seconds."""
    deadline = time.monotonic() + limit
    while True:
        if answer := condition():
            return answer
        assert time.monotonic() < deadline, f"not within {limit:.0f} s: {what}"
        time.sleep(0.5)

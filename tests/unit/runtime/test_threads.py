"""Threads return results in order, and start nothing after an error."""

from __future__ import annotations

import threading

import pytest
from csvswarm.runtime.threads import map_in_threads


def test_results_are_in_order_although_the_first_call_ends_last() -> None:
    others = threading.Semaphore(0)

    def call(number: int) -> int:
        for _ in range(5 * (number == 0)):
            assert others.acquire(timeout=60)
        others.release()
        return number * number

    assert map_in_threads(call, range(6), 2) == [0, 1, 4, 9, 16, 25]


def test_after_an_error_no_call_starts_and_those_that_run_end() -> None:
    started, failed, ended = [], threading.Event(), []

    def call(number: int) -> None:
        started.append(number)
        if number == 0:
            failed.set()
            raise ValueError("the first call")
        assert failed.wait(60)
        ended.append(number)

    with pytest.raises(ValueError, match="the first call"):
        map_in_threads(call, range(100_000), 2)

    assert len(started) < 100_000
    assert {*started} == {0, *ended}

"""Runs calls of the native kernel, which releases Python's lock, in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Given = TypeVar("Given")
Found = TypeVar("Found")


def map_in_threads(function: Callable[[Given], Found], given: Iterable[Given], count: int) -> list[Found]:
    """Return the results of a function, in order, computed by `count` threads.

    After an error, which is raised, no further call starts; those that run end first.
    """
    from multiprocessing.pool import ThreadPool  # concurrent.futures takes longer to import than to run small tasks

    pool = ThreadPool(count)
    try:
        return list(pool.imap(function, given))
    finally:
        pool.terminate()
        pool.join()

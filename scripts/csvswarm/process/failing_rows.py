"""Finds the rows of a block on which a processor fails, by bisection."""

from __future__ import annotations

from collections.abc import Callable

from csvswarm.errors import ProcessorError, printable, shown


def find_failing_rows(run: Callable[[int, int], object], count: int) -> list[tuple[int, ProcessorError]]:
    """Return (index, error) of the rows that fail alone, in order.

    run(start, stop) processes the rows from `start` to `stop`, excluded, and raises ProcessorError for all `count`
    rows. If the first half of failing rows succeeds, the second half fails, and is bisected without another call. The
    list is empty if rows fail only together.
    """
    found: list[tuple[int, ProcessorError]] = []
    todo = [(0, count, True)]
    while todo:
        start, stop, fails = todo.pop()
        if not fails or stop - start == 1:
            try:
                run(start, stop)
                continue
            except ProcessorError as error:
                if stop - start == 1:
                    found.append((start, error))
                    continue
        middle = (start + stop) // 2
        if middle - start > 1 and _succeeds(run, start, middle):
            todo.append((middle, stop, True))
        else:
            todo += [(middle, stop, False), (start, middle, middle - start > 1)]
    return found


def _succeeds(run: Callable[[int, int], object], start: int, stop: int) -> bool:
    try:
        run(start, stop)
    except ProcessorError:
        return False
    return True


def short_reason(error: ProcessorError) -> str:
    """Return a one-line reason of a processor error: the exception and its line in the file."""
    first, *frames = str(error).split("\n")
    location = f" ({frames[-1].strip().partition(': ')[0]})" if frames else ""
    return printable(shown(first) + location)

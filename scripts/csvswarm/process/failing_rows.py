"""Which rows of a block a processor fails on, found by halving: in few calls for each."""

from __future__ import annotations

from collections.abc import Callable

from csvswarm.errors import ProcessorError, printable, shown


def find_failing_rows(run: Callable[[int, int], object], count: int) -> list[tuple[int, ProcessorError]]:
    """Return the places of the rows that fail alone, in order, with what they fail of.

    run(start, stop) processes the rows from `start` up to `stop`, and raises ProcessorError for `count` of them from 0
    on. Where the first half of rows that fail does not, the other half does, and is halved at once. The list is empty
    when rows fail only together.
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
    """Return in short why a processor failed: what it raised, and the place in its file."""
    first, *frames = str(error).split("\n")
    location = f" ({frames[-1].strip().partition(': ')[0]})" if frames else ""
    return printable(shown(first) + location)

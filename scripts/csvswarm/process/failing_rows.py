"""Finds the rows of a block on which a processor fails, in few calls.

A call that succeeds costs far more than one that fails early. So bisection finds the first row that fails, and rows
that resemble it are tried one by one; bisection continues only if these do not fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from csvswarm.errors import ProcessorError, printable, shown

Indices = npt.NDArray[np.intp]
#: Processes the rows at some indices. Raises ProcessorError.
Run = Callable[[Indices], object]
#: Returns groups of rows that share a property with a row, but with none of the rows in a mask.
Similar = Callable[[int, npt.NDArray[np.bool_]], Iterable[Indices]]
#: If fewer rows fail like the first one, all others are searched as well; else the caller tries the rest.
MIN_ALIKE = 4


def find_failing_rows(run: Run, rows: Indices, count: int, similar: Similar) -> dict[int, ProcessorError]:
    """Return rows that fail alone, with their errors; empty if rows fail only together.

    rows: the rows to search of `count` rows; they fail together. Once many fail in the same way, they are returned,
    although others may fail, too.
    """
    search = _Search(run, similar, rows, count)
    first = search.first(rows)
    if first is None:
        search.bisect(rows, fails=True)
    elif search.resembling(int(rows[first])) < MIN_ALIKE:
        rest = rows[first + 1 :]  # the rows before it have passed
        search.bisect(rest[~np.isin(rest, list(search.failing))], fails=False)
    return search.failing


class _Search:
    """Rows known to fail alone, and rows known to pass."""

    def __init__(self, run: Run, similar: Similar, rows: Indices, count: int) -> None:
        self._run, self._similar = run, similar
        self._searched, self._passed = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        self._searched[rows] = True
        self.failing: dict[int, ProcessorError] = {}

    def _error(self, rows: Indices) -> ProcessorError | None:
        try:
            self._run(rows)
        except ProcessorError as error:
            error.__cause__ = error.__context__ = None  # frames of its traceback would keep whole blocks in memory
            return error.with_traceback(None)
        self._passed[rows] = True
        return None

    def _fails_alone(self, row: int) -> bool:
        if row not in self.failing:
            if (error := self._error(np.array([row]))) is None:
                return False
            self.failing[row] = error
        return True

    def first(self, rows: Indices) -> int | None:
        """Return the index of the first row that fails alone; None if unknown. rows: those that fail together."""
        low, high = 0, rows.size
        while high - low > 1:
            middle = (low + high) // 2
            if self._error(rows[low:middle]) is None:
                low = middle
            else:
                high = middle
        return low if self._fails_alone(int(rows[low])) else None

    def resembling(self, row: int) -> int:
        """Try the rows that resemble a failing one; return how many fail, including that one."""
        for group in self._similar(row, self._passed):
            rows = group[self._searched[group]]
            if rows.size > 1 and all(self._fails_alone(other) for other in rows.tolist()):
                break  # this property is the cause
        return len(self.failing)

    def bisect(self, rows: Indices, *, fails: bool) -> None:
        """Find all rows of `rows` that fail alone. fails: whether it is known that they fail together."""
        todo = [(0, rows.size, fails)] if rows.size else []
        while todo:
            start, stop, fails = todo.pop()
            if stop - start == 1:
                self._fails_alone(int(rows[start]))
                continue
            if not fails and self._error(rows[start:stop]) is None:
                continue
            middle = (start + stop) // 2
            if middle - start > 1 and self._error(rows[start:middle]) is None:
                todo.append((middle, stop, True))  # as the first half passes, this one fails
            else:
                todo += [(middle, stop, False), (start, middle, middle - start > 1)]


def short_reason(error: ProcessorError) -> str:
    """Return a one-line reason of a processor error: the exception and its line in the file."""
    first, *frames = str(error).split("\n")
    location = f" ({frames[-1].strip().partition(': ')[0]})" if frames else ""
    return printable(shown(first) + location)

"""Processes rows, and rejects those on which a processor fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from csvswarm.errors import ProcessorError, printable
from csvswarm.process.failing_rows import Indices, find_failing_rows, short_reason
from csvswarm.process.similar_rows import SimilarRows
from csvswarm.processor_api.context import Context
from csvswarm.processor_api.processor import Processor
from csvswarm.reading.rows import Rejected, Rows, drop_rows, record_text, slice_rows
from csvswarm.types.schema import Schema


def outputs(
    rows: Rows, processor: Processor, context: Context, schema: Schema, reject: Callable[[Rejected], None]
) -> Iterator[Any]:
    """Yield the outputs of a processor for the rows, in order, without the rows on which it fails.

    reject: called with those rows. Rows that fail only together are halved.
    """
    run = _runner(rows, processor, context, schema)
    similar = SimilarRows(rows.table)
    todo = [np.arange(len(rows))] if len(rows) else []
    while todo:
        part = todo.pop()
        try:
            yield run(part)
            continue
        except ProcessorError:
            failing = find_failing_rows(run, part, len(rows), similar)
        for row, error in sorted(failing.items()):
            record = int(rows.numbers[row])
            text = record_text(slice_rows(rows, row, row + 1))
            reject(Rejected(record, "", short_reason(error), text, printable(str(error))))
        if failing:
            rest = part[~np.isin(part, list(failing))]
            todo += [rest] if rest.size else []
        else:
            middle = part.size // 2
            todo += [part[middle:], part[:middle]]


def _runner(rows: Rows, processor: Processor, context: Context, schema: Schema) -> Callable[[Indices], Any]:
    """Return a function that processes the rows at some indices, which ascend."""
    if processor.block != "frame":

        def block(indices: Indices) -> Any:
            return processor.block_of(_taken(rows, indices), schema)
    else:
        frame = processor.block_of(rows, schema)  # once, because it takes longer than most processors

        def block(indices: Indices) -> Any:
            if _is_range(indices):
                return frame.iloc[indices[0] : indices[-1] + 1]  # pandas copies on write
            return frame.iloc[indices]

    def run(indices: Indices) -> Any:
        context.first_record, context.overlap = int(rows.numbers[indices[0]]), 0
        return processor.call("process", block(indices), context)

    return run


def _taken(rows: Rows, indices: Indices) -> Rows:
    if _is_range(indices):
        return slice_rows(rows, int(indices[0]), int(indices[-1]) + 1)
    return drop_rows(rows, np.setdiff1d(np.arange(len(rows)), indices).tolist())


def _is_range(indices: Indices) -> bool:
    return bool(indices[-1] - indices[0] == indices.size - 1)

"""Rows that a processor fails on are found by halving: all of them, no other, in few calls for each."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from csvswarm.errors import ProcessorError
from csvswarm.process.failing_rows import find_failing_rows
from csvswarm.reading.rows import Rows, drop_rows, slice_rows
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.booleans(), min_size=1, max_size=300).filter(any))
def test_all_failing_rows_are_found_in_few_calls(is_bad: list[bool]) -> None:
    calls = 0

    def run(start: int, stop: int) -> None:
        nonlocal calls
        calls += 1
        if any(is_bad[start:stop]):
            raise ProcessorError(f"{start} {stop}")

    found = find_failing_rows(run, len(is_bad))

    assert [row for row, _ in found] == [index for index, bad in enumerate(is_bad) if bad]
    assert [str(error) for _, error in found] == [f"{index} {index + 1}" for index, _ in found]
    assert calls <= len(found) * (2 * math.log2(len(is_bad)) + 2)


def test_rows_that_fail_only_together() -> None:
    def run(start: int, stop: int) -> None:
        if stop - start > 3:
            raise ProcessorError("too many")

    assert find_failing_rows(run, 16) == []


@given(st.lists(st.sampled_from(["a", '"b"', '"c""\n"', "", "dd"]), min_size=1, max_size=12), st.data())
def test_drop_rows_keeps_the_others(fields: list[str], data: st.DataObject) -> None:
    records = [f"{field},1\n".encode() for field in fields]
    text = b"".join(records)
    ends = np.cumsum([len(record) for record in records]) - 1
    quoted = [index for index, record in enumerate(records) if record.startswith(b'"')]
    edges = [at for index in quoted for at in (ends[index] - len(records[index]) + 1, ends[index] - 3)]
    rows = Rows(
        pa.table({"x": pa.array(range(len(records)))}),
        np.arange(1, len(records) + 1),
        text,
        ends,
        lambda: np.array(edges, np.int64),
    )
    gone = data.draw(st.sets(st.integers(0, len(records) - 1), max_size=len(records)))

    remaining = drop_rows(rows, sorted(gone))

    kept = [index for index in range(len(records)) if index not in gone]
    assert remaining.data == b"".join(records[index] for index in kept)
    assert remaining.table.column("x").to_pylist() == kept
    assert remaining.numbers.tolist() == [index + 1 for index in kept]
    for row, index in enumerate(kept):
        one, alone = slice_rows(remaining, row, row + 1), slice_rows(rows, index, index + 1)
        assert (one.data, one.ends.tolist(), one.toggles.tolist()) == (
            alone.data,
            alone.ends.tolist(),
            alone.toggles.tolist(),
        )

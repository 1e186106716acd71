"""All rows on which a processor fails are found, and no others, in few calls."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from csvswarm.errors import ProcessorError
from csvswarm.process.failing_rows import MIN_ALIKE, Indices, Similar, find_failing_rows
from csvswarm.process.similar_rows import SimilarRows
from csvswarm.reading.rows import Rows, drop_rows, slice_rows
from hypothesis import given
from hypothesis import strategies as st

from tests.support.jobs import run_with_all_cuts, write_csv


class Processor:
    """Fails for some rows, and counts its calls."""

    def __init__(self, is_bad: list[bool]) -> None:
        self.is_bad, self.calls = np.array(is_bad), 0

    def __call__(self, rows: Indices) -> None:
        self.calls += 1
        if self.is_bad[rows].any():
            raise ProcessorError(f"{rows[0]} {rows.size}")


def search(is_bad: list[bool], similar: Similar) -> tuple[list[int], int]:
    """The rows found, searching the others until they pass, and the number of calls."""
    run, rest = Processor(is_bad), np.arange(len(is_bad))
    found: list[int] = []
    while rest.size and run.is_bad[rest].any():
        failing = find_failing_rows(run, rest, len(is_bad), similar)
        assert failing
        assert set(failing) <= set(rest.tolist())
        assert {str(error) for error in failing.values()} == {f"{row} 1" for row in failing}
        found += failing
        rest = rest[~np.isin(rest, list(failing))]
    return sorted(found), run.calls


@given(st.lists(st.booleans(), min_size=1, max_size=300).filter(any))
def test_all_failing_rows_are_found_in_few_calls(is_bad: list[bool]) -> None:
    found, calls = search(is_bad, lambda _row, _passed: [])

    assert found == [row for row, bad in enumerate(is_bad) if bad]
    assert calls <= len(found) * (2 * math.log2(len(is_bad)) + 3) + 1


@given(st.lists(st.booleans(), min_size=1, max_size=60).filter(any), st.data())
def test_different_failures_of_similar_rows_are_all_found(is_bad: list[bool], data: st.DataObject) -> None:
    groups = st.lists(st.sets(st.integers(0, len(is_bad) - 1)).map(lambda rows: np.array(sorted(rows), np.intp)))

    found, _ = search(is_bad, lambda _row, _passed: data.draw(groups))

    assert found == [row for row, bad in enumerate(is_bad) if bad]


@given(st.lists(st.booleans(), min_size=1, max_size=300).filter(lambda rows: sum(rows) >= MIN_ALIKE))
def test_rows_failing_alike_take_one_call_each(is_bad: list[bool]) -> None:
    table = pa.table({"x": ["bad" if bad else "1" for bad in is_bad]})

    found, calls = search(is_bad, SimilarRows(table))

    assert calls <= len(found) + math.ceil(math.log2(len(is_bad)))


def test_rows_failing_only_together() -> None:
    def run(rows: Indices) -> None:
        if rows.size > 3:
            raise ProcessorError("too many")

    assert find_failing_rows(run, np.arange(16), 16, lambda _row, _passed: []) == {}


@pytest.mark.parametrize(
    ("values", "alike"),
    [
        (["1", "20", "x7", "yz77", None, "20"], {2, 3}),  # shape
        (["ab", "b", "poison", "c", "poison", "ef"], {2, 4}),  # value
        ([1, 5, 0, 7, 0, 3], {2, 4}),
        ([1.0, 5.5, -1.0, 7.0, -2.0, 3.0], {2, 4}),  # sign
        ([1, 2, None, 4, None, 5], {2, 4}),
        ([True, True, False, True, False, True], {2, 4}),
    ],
)
def test_rows_are_alike_by_value_and_kind_of_value(values: list[object], alike: set[int]) -> None:
    passed = np.array([True, True, False, False, False, False])

    groups = [set(group.tolist()) for group in SimilarRows(pa.table({"x": values}))(2, passed)]

    assert alike in groups
    assert all(2 in group for group in groups)
    assert not any(group & {0, 1} for group in groups)


CODE = """\
def process(block, context):
    block["n"] = block["n"].astype(float)
    if (block["m"] == 0).any():
        raise ValueError("zero")
    if (block["n"] + block["m"] == 10).any():
        raise ValueError("ten")
    return block
"""


def test_records_of_many_kinds_are_the_same_in_any_blocks(tmp_path: Path) -> None:
    rows = [[number, "x" if number % 7 == 0 else number % 5, number % 9] for number in range(1, 300)]
    (tmp_path / "mine.py").write_text(CODE)
    source = write_csv(tmp_path / "data.csv", ["id", "n", "m"], rows)

    result = run_with_all_cuts(
        tmp_path,
        source,
        cuts=((1, 1 << 20), (3, 512), (9, 64)),
        processor=str(tmp_path / "mine.py"),
        on_error="quarantine",
        column_types={"n": "text"},
    )

    bad = [str(row[0]) for row in rows if row[1] == "x" or row[2] == 0 or int(row[1]) + int(row[2]) == 10]
    assert [reject[0] for reject in result.rejects] == bad
    assert len(result.rows) == len(rows) - len(bad)


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

"""The result has the same bytes for any file, processor, chunks, blocks, kills and resumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from csvswarm.collect.run import collect
from csvswarm.job.directory import JobDirectory
from csvswarm.process.run import process_all
from csvswarm.split.run import Request, split
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.jobs import native, run_in_process
from tests.support.reference_record_scan import table

USER_MAP = """
def process(block, context):
    return block.assign(**{name + '_twice': block[name] * 2 for name in block.columns[:1]})
"""
USER_SUM = """
import pandas as pd

def process(block, context):
    return pd.DataFrame({'column': block.columns, 'there': block.notna().sum().to_list()})

def combine(partials, context):
    return pd.concat(partials).groupby('column', sort=False, as_index=False).sum()
"""
OVERLAP = """
OVERLAP = 2

def process(block, context):
    before = block.iloc[:, 0].notna().astype('int64')
    out = block.assign(seen=before + before.shift(1, fill_value=0) + before.shift(2, fill_value=0))
    return out.iloc[context.overlap:]
"""
values = st.sampled_from(
    ["", "1", "-7", "2.5", "1e300", "9007199254740993", "007", "x", "NA", '"NA"', '""', "true", "inf"]
)
numbers = st.sampled_from(["", "1", "2", "-7", "2.5", "0.1", "1e16", "-0.0", "3", "1e-300", "9007199254740993"])


@st.composite
def typed_table(draw: st.DrawFn, cells: st.SearchStrategy[str] = values) -> bytes:
    """Return a CSV whose columns have one kind at first and possibly another later."""
    width = draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=12))
    plain = draw(st.integers(0, 30))
    lines = [",".join(f"c{column}" for column in range(width)), *[",".join(["4"] * width)] * plain]
    return "\n".join([*lines, *map(",".join, rows)]).encode() + b"\n"


def same_for(directory: Path, data: bytes, cuts: list[tuple[int, int]], **request: Any) -> bytes:
    number = len(list(directory.iterdir()))
    folder = directory / str(number)
    folder.mkdir()
    source = folder / "input.csv"
    source.write_bytes(data)
    results = {run_in_process(folder, source, chunks=chunks, block_bytes=size, **request).data for chunks, size in cuts}
    without = folder / "without the kernel"
    without.mkdir()
    with native(False):
        results.add(run_in_process(without, source, **request).data)
    assert len(results) == 1
    return results.pop()


cuts = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 80)), min_size=1, max_size=2).map(
    lambda more: [(1, 1 << 20), *more]
)


@settings(max_examples=200)
@given(table(), cuts)
def test_transform_without_options_is_the_identity(tmp_path: Path, data: bytes, cuts: list[tuple[int, int]]) -> None:
    result = same_for(tmp_path, data, cuts, processor="transform", delimiter=",")
    crlf = b"\r\n" in data.splitlines(keepends=True)[0]
    ending = b"\r\n" if crlf else b"\n"
    if data.endswith(ending) and ending * 2 not in data:
        assert result == data


@settings(max_examples=200)
@given(typed_table(), cuts, st.sampled_from([USER_MAP, USER_SUM, OVERLAP]))
@example(b"c0,c1\n1,2\n3,4\n5,\nx,1\n", [(1, 1 << 20), (4, 1)], USER_MAP)
def test_user_processor(tmp_path: Path, data: bytes, cuts: list[tuple[int, int]], source: str) -> None:
    processor = tmp_path / "mine.py"
    processor.write_text(source)
    same_for(tmp_path, data, cuts, processor=str(processor))


@settings(max_examples=20)
@given(typed_table(), cuts)
def test_statistics(tmp_path: Path, data: bytes, cuts: list[tuple[int, int]]) -> None:
    same_for(tmp_path, data, cuts, processor="statistics", options={"window": 3})


@settings(max_examples=20)
@given(typed_table(numbers), cuts)
@example(b"c0,c1,c2,c3\n4,4,4,4\n,,,\n,1e-300,,\n", [(1, 1 << 20), (4, 1)])  # a chunk without a group
def test_aggregate(tmp_path: Path, data: bytes, cuts: list[tuple[int, int]]) -> None:
    metrics = ["count", "sum", "mean", "min", "max", "std", "median", "nunique", "first", "last"]
    options = {"group_by": ["c0"], "metrics": {"c1": metrics}}
    same_for(tmp_path, data, cuts, processor="aggregate", options=options)


@settings(max_examples=20)
@given(typed_table(numbers), cuts)
def test_transform_with_expressions(tmp_path: Path, data: bytes, cuts: list[tuple[int, int]]) -> None:
    options = {"where": "c0 < 5 or c0.isna()", "assign": {"both": "c0 + c1", "c1": "c1 * 2"}, "columns": ["both", "c1"]}
    same_for(tmp_path, data, cuts, processor="transform", options=options)


@pytest.mark.parametrize("late", ["", "x", "1.5", "true", "007", "99999999999999999999", '"NA"'])
def test_schema_change_in_the_last_chunk(tmp_path: Path, late: str) -> None:
    """An integer column whose only missing value, text or float comes last is read as pandas reads the whole file."""
    source = tmp_path / "late.csv"
    rows = "".join(f"{number},{number % 7}\n" for number in range(60_000))
    source.write_text(f"a,b\n{rows}{late},1\n")
    processor = tmp_path / "kinds.py"
    processor.write_text("def process(block, context):\n    return block.assign(kind=str(block.a.dtype))\n")
    jobs = []
    for chunks, workers in ((1, 1), (6, 2)):
        job = JobDirectory(tmp_path / f"job{chunks}")
        split(job, Request(input=source, processor=str(processor), chunks=chunks, workers=workers, block_bytes=50_000))
        process_all(job, workers)
        jobs.append(Path(collect(job, tmp_path / f"out{chunks}").result).read_bytes())
    assert jobs[0] == jobs[1]
    kinds = set(pd.read_csv(tmp_path / "out6" / "result.csv", usecols=["kind"])["kind"])
    expected = {"": "Int64", '"NA"': "Int64", "1.5": "float64"}.get(late, "str")
    assert kinds == {expected}

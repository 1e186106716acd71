"""Any combination of options: the values are those that were written, and the bytes are the same however a job runs."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from csvswarm.job.directory import JobDirectory
from csvswarm.process.run import run_chunk
from csvswarm.processor_api.loader import load_job_processor
from csvswarm.split.run import Request, split
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.jobs import Result, native, run_in_process, run_with_all_cuts
from tests.support.laid_out import NAMES, ROWS, Layout, Row, canonical, layouts

CUTS = ((1, 1 << 20), (3, 64), (7, 16))
#: Reads a side file, and looks back.
OWN = """
OVERLAP = 1

def process(block, context):
    offset = int(context.file("offset.txt").read_text())
    first = block.columns[0]
    return block.assign(before=block[first].shift(1), offset=offset).iloc[context.overlap:]
"""


def processors(names: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Processors with options for files with these columns."""
    key, number, date, text = names
    totals = {"assign": {"twice": f"`{number}` * 2"}, "where": f"`{key}` != 'r'"}
    metrics = {number: ["mean", "p90"], "*": "count"}
    steps = [{"processor": "transform", "options": totals}, {"processor": "sort", "options": {"by": text}}]
    return [
        ("transform", totals),
        ("aggregate", {"group_by": [key, f"`{date}`.dt.month"], "metrics": metrics, "dropna": False}),
        ("statistics", {}),
        ("profile", {}),
        ("sort", {"by": [number, text], "ascending": [False, True]}),
        ("top", {"by": [number], "n": 2, "group_by": [key]}),
        ("distinct", {"by": [key]}),
        ("sample", {"n": 3}),
        ("steps", {"steps": steps}),
        ("own", {}),
    ]


def write(directory: Path, layout: Layout, parts: Sequence[tuple[Sequence[Row], Sequence[str]]]) -> Path:
    folder = directory / "data"
    folder.mkdir()
    for number, (rows, names) in enumerate(parts):
        (folder / f"{number}.csv").write_bytes(layout.file(rows, names).encode())
    return folder


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(layout=layouts(), files=st.lists(ROWS, min_size=1, max_size=3), data=st.data())
def test_values_are_those_that_were_written(
    tmp_path_factory: pytest.TempPathFactory, layout: Layout, files: list[list[Row]], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("job")
    by_name = layout.header is True
    orders = [data.draw(st.permutations(NAMES)) if by_name else NAMES for _ in files]
    union = by_name and data.draw(st.booleans())
    if union:
        orders = [[name for name in order if name in ("n", "d") or data.draw(st.booleans())] for order in orders]
    source_file = data.draw(st.booleans())
    output_format = data.draw(st.sampled_from(["csv", "csv.gz", "jsonl", "parquet"]))
    folder = write(directory, layout, [(rows, order) for rows, order in zip(files, orders, strict=True)])

    request = {**layout.request(), "union": union, "source_file": source_file}
    if layout.header is False:
        request["date_format"] = {"column_3": layout.date_format}
    result = run_with_all_cuts(
        directory, folder, cuts=CUTS, processor="convert", output_format=output_format, **request
    )

    names = list(dict.fromkeys(name for order in orders for name in order))
    rows = [
        {**{name: row[name] for name in order}, "source_file": f"{number}.csv"}
        for number, (part, order) in enumerate(zip(files, orders, strict=True))
        for row in part
    ]
    assert texts(result, output_format) == canonical(rows, [*names, *["source_file"] * source_file])
    shown = names if layout.header is not False else [f"column_{number}" for number in range(1, 5)]
    if output_format == "csv":
        assert result.header == [*shown, *["source_file"] * source_file]


def texts(result: Result, output_format: str) -> list[list[str]]:
    """The rows of a result as canonical text, read by other libraries."""
    if output_format in ("csv", "csv.gz"):
        data = gzip.decompress(result.data) if output_format == "csv.gz" else result.data
        return list(csv.reader(io.StringIO(data.decode(), newline="")))[1:]
    if output_format == "jsonl":
        records = [json.loads(line) for line in result.data.decode().split("\n")[:-1]]
    else:
        records = pyarrow.parquet.read_table(io.BytesIO(result.data)).to_pylist()
    return [["" if value is None else str(value) for value in record.values()] for record in records]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(layout=layouts(), files=st.lists(ROWS, min_size=1, max_size=2), data=st.data())
def test_bytes_are_the_same_for_any_run(
    tmp_path_factory: pytest.TempPathFactory, layout: Layout, files: list[list[Row]], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("job")
    folder = write(directory, layout, [(rows, NAMES) for rows in files])
    names = NAMES if layout.header is not False else [f"column_{number}" for number in range(1, 5)]
    processor, options = data.draw(st.sampled_from(processors(names)))
    request: dict[str, Any] = {**layout.request(), "options": options, "processor": processor}
    request["date_format"] = {names[2]: layout.date_format}
    request["output_format"] = data.draw(st.sampled_from(["csv", "csv.zst", "jsonl", "parquet", "sqlite"]))
    if processor in ("transform", "sort", "sample", "own") and data.draw(st.booleans()):
        request["partition_by"] = [names[0]]
        request["output_format"] = data.draw(st.sampled_from(["csv", "jsonl"]))
    if processor == "own":
        (directory / "own.py").write_text(OWN)
        (directory / "offset.txt").write_text("7")
        request |= {"processor": str(directory / "own.py"), "files": [directory / "offset.txt"]}

    right = run_with_all_cuts(directory, folder, cuts=CUTS, **request)

    chunks, size = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 200))
    assert run_interrupted(directory / "cut", folder, chunks, size, data.draw(st.integers(0, 9)), request) == right
    (directory / "without").mkdir()
    with native(False):
        assert run_in_process(directory / "without", folder, chunks=chunks, block_bytes=size, **request) == right


def run_interrupted(
    directory: Path, source: Path, chunks: int, block_bytes: int, ran: int, request: dict[str, Any]
) -> Result:
    """The result of a job of which only `ran` chunks, the last ones first, had run when it was resumed."""
    job = JobDirectory(directory / f"job-{chunks}-{block_bytes}")
    manifest = split(job, Request(input=source, chunks=chunks, workers=1, block_bytes=block_bytes, **request))
    processor = load_job_processor(job, manifest)
    for number in [chunk.number for chunk in manifest.chunks][::-1][:ran]:
        run_chunk(job, manifest, processor, number)
    (job.attempts_directory / "000001-lost.partial.csv").write_bytes(b"cut off by a ki")
    return run_in_process(directory, source, chunks=chunks, block_bytes=block_bytes, **request)

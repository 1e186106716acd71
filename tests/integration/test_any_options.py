"""Any combination of options: the values are those that were written, and the bytes are the same however a job runs.

`requirements` is not drawn, because installing packages needs an index (test_packages.py); nor is `incremental`, which
resumes finished jobs (test_incremental.py).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Sequence
from contextlib import closing
from itertools import compress
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet
import pytest
from csvswarm.job.directory import JobDirectory
from csvswarm.process.run import run_chunk
from csvswarm.processor_api.loader import load_job_processor
from csvswarm.split.run import Request, split
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.jobs import Result, native, run_in_process, run_with_all_cuts, write_csv
from tests.support.laid_out import NAMES, ROWS, Layout, Row, canonical, layouts, with_bad_records

CUTS = ((1, 1 << 20), (3, 64), (7, 16))
#: What a lookup file has of the keys p, q and r.
LABELS = {"p": "first", "q": 'second, "b"'}
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
        ("join", {"file": "labels.csv", "on": [key], "lookup_on": ["key"], "how": "inner"}),
        ("steps", {"steps": steps}),
        ("own", {}),
    ]


def write(directory: Path, layout: Layout, parts: Sequence[tuple[Sequence[Row | None], Sequence[str]]]) -> Path:
    folder = directory / "data"
    folder.mkdir()
    for number, (rows, names) in enumerate(parts):
        (folder / f"{number}.csv").write_bytes(layout.file(rows, names).encode())
    return folder


def lookup(directory: Path) -> Path:
    path = directory / "labels.csv"
    write_csv(path, ["key", "label"], LABELS.items())
    return path


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(layout=layouts(), files=st.lists(ROWS.flatmap(with_bad_records), min_size=1, max_size=3), data=st.data())
def test_values_are_those_that_were_written(
    tmp_path_factory: pytest.TempPathFactory, layout: Layout, files: list[list[Row | None]], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("job")
    orders, union = data.draw(columns_of(len(files), by_name=layout.header is True))
    source_file, how = data.draw(st.booleans()), data.draw(st.sampled_from(["", "left", "inner", "anti"]))
    formats = ["jsonl", "parquet", "xlsx", *(["csv", "csv.gz"] if not how else [])]  # in CSV, join copies the text
    output_format, limit = data.draw(st.sampled_from(formats)), data.draw(st.none() | st.integers(1, 20))
    folder = write(directory, layout, list(zip(files, orders, strict=True)))
    shown = NAMES if layout.header is not False else [f"column_{number}" for number in range(1, 5)]

    request = {
        **layout.request(),
        "union": union,
        "source_file": source_file,
        "date_format": {shown[2]: layout.date_format},
    }
    if how:
        options = {"file": "labels.csv", "on": [shown[0]], "lookup_on": ["key"], "how": how}
        request |= {"processor": "join", "options": options, "files": [lookup(directory)]}
    result = run_with_all_cuts(
        directory, folder, cuts=CUTS, output_format=output_format, limit=limit, on_error="quarantine",
        max_rejected="100%", **{"processor": "convert", **request},
    )  # fmt: skip

    records = [(file, number, row) for file, part in enumerate(files) for number, row in enumerate(part, 1)][:limit]
    rows = [
        {**{name: row[name] for name in orders[file]}, "source_file": f"{file}.csv"}
        for file, _, row in records
        if row is not None
    ]
    labels = [LABELS.get(row.get("k", "")) for row in rows]
    names = [*dict.fromkeys(name for order in orders for name in order), *["source_file"] * source_file]
    right = canonical([{**row, "label": label} for row, label in zip(rows, labels, strict=True)],
                      [*names, *["label"] * (how in ("left", "inner"))])  # fmt: skip
    is_kept = {"inner": [label is not None for label in labels], "anti": [label is None for label in labels]}
    right = list(compress(right, is_kept.get(how, [True] * len(right))))
    assert texts(result, output_format) == (in_a_sheet(right) if output_format == "xlsx" else right)
    bad = [(str(number), f"{file}.csv") for file, number, row in records if row is None]
    assert [(row[0], row[4]) for row in result.rejects] == bad
    if output_format == "csv" and layout.header is not False:
        assert result.header == names


@st.composite
def columns_of(draw: st.DrawFn, count: int, *, by_name: bool) -> tuple[list[list[str]], bool]:
    """The columns of a number of files, and whether files may lack some. The first file has the key."""
    orders = [list(draw(st.permutations(NAMES))) if by_name else NAMES for _ in range(count)]
    union = by_name and draw(st.booleans())
    if union:
        needed = [{"n", "d"} | ({"k"} if not number else set()) for number in range(count)]
        orders = [
            [name for name in order if name in always or draw(st.booleans())]
            for order, always in zip(orders, needed, strict=True)
        ]
    return orders, union


def texts(result: Result, output_format: str) -> list[list[str]]:
    """The rows of a result as canonical text, read by other libraries."""
    if output_format in ("csv", "csv.gz"):
        data = gzip.decompress(result.data) if output_format == "csv.gz" else result.data
        return list(csv.reader(io.StringIO(data.decode(), newline="")))[1:]
    if output_format == "xlsx":
        with closing(openpyxl.load_workbook(io.BytesIO(result.data))) as book:
            rows = [[cell.value for cell in row] for row in book["result"].iter_rows(min_row=2)]
        return [["" if value is None else str(value) for value in row] for row in rows]
    if output_format == "jsonl":
        records = [json.loads(line) for line in result.data.decode().split("\n")[:-1]]
    else:
        records = pyarrow.parquet.read_table(io.BytesIO(result.data)).to_pylist()
    return [["" if value is None else str(value) for value in record.values()] for record in records]


def in_a_sheet(rows: list[list[str]]) -> list[list[str]]:
    """The rows as a spreadsheet has them: without the point of a whole number, and up to the last row with a value."""
    count = max((number for number, row in enumerate(rows, 1) if any(row)), default=0)
    return [[text.removesuffix(".0") for text in row] for row in rows[:count]]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(layout=layouts(), files=st.lists(ROWS.flatmap(with_bad_records), min_size=1, max_size=2), data=st.data())
def test_bytes_are_the_same_for_any_run(
    tmp_path_factory: pytest.TempPathFactory, layout: Layout, files: list[list[Row | None]], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("job")
    folder = write(directory, layout, [(rows, NAMES) for rows in files])
    names = NAMES if layout.header is not False else [f"column_{number}" for number in range(1, 5)]
    processor, options = data.draw(st.sampled_from(processors(names)))
    request: dict[str, Any] = {**layout.request(), "options": options, "processor": processor}
    request["date_format"] = {names[2]: layout.date_format}
    request |= {"on_error": "quarantine", "max_rejected": "100%", "limit": data.draw(st.none() | st.integers(1, 20))}
    request["output_format"] = data.draw(st.sampled_from(["csv", "csv.zst", "jsonl", "parquet", "sqlite", "xlsx"]))
    if processor in ("transform", "sort", "sample", "join", "own") and data.draw(st.booleans()):
        request["partition_by"] = [names[0]]
        request["output_format"] = data.draw(st.sampled_from(["csv", "jsonl"]))
    if processor == "join":
        request["files"] = [lookup(directory)]
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

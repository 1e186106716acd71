"""A result in any format is whole or not there."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from csvswarm.collect.run import collect
from csvswarm.collect.verify import verify
from csvswarm.errors import CsvswarmError, JobError
from csvswarm.job.directory import JobDirectory
from csvswarm.split.run import Request, split

from tests.support.formats import ROWS, produce, source
from tests.support.jobs import Scripts, run_in_process


def test_existing_result_is_not_rewritten(tmp_path: Path) -> None:
    scripts = Scripts(tmp_path)
    for run in (
        scripts.split(source(tmp_path), "--processor=transform", "--output-format=sqlite", '--partition-by=["ok"]'),
        scripts.process(),
        scripts.collect(),
    ):
        assert run.code == 0, run.error
    files = {path: path.stat().st_mtime_ns for path in scripts.output.rglob("*") if path.is_file()}
    assert len(files) == 5

    repeated = scripts.collect()

    assert repeated.answer["result"] == str(scripts.output / "result")
    assert {path: path.stat().st_mtime_ns for path in scripts.output.rglob("*") if path.is_file()} == files


@pytest.mark.parametrize("damage", ["changed", "removed"])
def test_verify_finds_damage_in_a_part(tmp_path: Path, damage: str) -> None:
    path = produce(tmp_path, source(tmp_path), "jsonl", partition_by=["ok"])
    part = path / "ok=True/part.jsonl"
    if damage == "changed":
        part.write_bytes(part.read_bytes().replace(b"plain", b"pl@in"))
    else:
        part.unlink()
    with pytest.raises(CsvswarmError, match=r"result/ok=True/part\.jsonl is missing, or differs"):
        verify(path.parent)


def test_lost_part_makes_the_job_rerun(tmp_path: Path) -> None:
    path = produce(tmp_path, source(tmp_path), "jsonl", partition_by=["ok"])
    part = path / "ok=True/part.jsonl"
    before = part.read_bytes()
    part.unlink()

    request: dict[str, Any] = {"processor": "transform", "output_format": "jsonl", "partition_by": ["ok"]}
    job = JobDirectory(tmp_path / path.parent.name.removesuffix("-out"))
    split(job, Request(input=tmp_path / "data.csv", chunks=1, workers=1, **request), path.parent)
    run_in_process(tmp_path, tmp_path / "data.csv", **request)

    assert part.read_bytes() == before


def test_leftovers_of_a_kill_are_removed(tmp_path: Path) -> None:
    path, name = source(tmp_path), f"job-1-{1 << 20}"
    output = tmp_path / f"{name}-out"
    for leftover in (f".result.{name}.0123456789ab", f".result.xlsx.{name}.0123456789ab.abcd_123"):
        (output / leftover / "ok=True").mkdir(parents=True)
        (output / leftover / "ok=True/part.xlsx").write_text("half")
    split(
        JobDirectory(tmp_path / name),
        Request(input=path, processor="transform", chunks=1, workers=1, output_format="xlsx"),
    )
    (tmp_path / name / "collect").mkdir()
    (tmp_path / name / "collect/result.csv").write_text("half")

    run_in_process(tmp_path, path, processor="transform", output_format="xlsx", partition_by=["ok"])

    assert {entry.name for entry in output.iterdir()} == {"result", "job.json", "_SUCCESS"}


def test_a_marker_names_only_files_of_the_result(tmp_path: Path) -> None:
    path = produce(tmp_path, source(tmp_path), "jsonl", partition_by=["ok"])
    marker = path.parent / "_SUCCESS"
    data = json.loads(marker.read_text())
    data["files"][0]["name"] = "result/ok=../../../secret"
    marker.write_text(json.dumps(data))

    with pytest.raises(CsvswarmError, match="_SUCCESS is missing or damaged"):
        verify(path.parent)


def test_a_workbook_has_no_time_in_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(produce(tmp_path, source(tmp_path), "xlsx")) as book:
        assert {entry.date_time for entry in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"1980-01-01T00:00:00Z" in book.read("docProps/core.xml")


def test_the_record_has_the_first_rows_for_the_report(tmp_path: Path) -> None:
    path = produce(tmp_path, source(tmp_path), "parquet")
    record = json.loads((path.parent / "job.json").read_text())

    assert list(csv.reader(io.StringIO(record["preview"], newline="")))[1:] == ROWS
    assert record["result"]["name"] == "result.parquet"
    assert record["result_files"] == [record["result"]]


def test_collect_is_repeatable_after_a_failure(tmp_path: Path) -> None:
    """A file that is not of csvswarm in the place of the result is kept."""
    path, name = source(tmp_path), f"job-1-{1 << 20}"
    output = tmp_path / f"{name}-out"
    output.mkdir()
    (output / "result.parquet").write_text("theirs")
    (output / "result.xlsx").write_text("mine")
    with pytest.raises(JobError, match=r"already contains a result.parquet of something else"):
        run_in_process(tmp_path, path, processor="transform", output_format="parquet")
    assert (output / "result.parquet").read_text() == "theirs"
    (output / "result.parquet").unlink()

    collect(JobDirectory(tmp_path / name), output)

    assert (output / "result.xlsx").read_text() == "mine"
    assert pq.read_table(output / "result.parquet").num_rows == len(ROWS)

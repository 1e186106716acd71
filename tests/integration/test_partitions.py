"""Results divided by the values of columns, and formats that a result does not fit."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from csvswarm.errors import JobError, OptionError
from csvswarm.job.directory import JobDirectory
from csvswarm.split.run import Request, split

from tests.support.formats import HEADER, ROWS, produce, sample_of, source
from tests.support.jobs import run_in_process


def test_partitions_are_what_pyarrow_and_pandas_read(tmp_path: Path) -> None:
    path = produce(tmp_path, sample_of(tmp_path), "parquet", partition_by=["carrier"])
    expected = pd.read_csv(tmp_path / "sample.csv", keep_default_na=False, na_values=[""])

    found = pd.read_parquet(path)

    assert sorted(entry.name for entry in path.iterdir()) == [
        f"carrier={name}" for name in sorted(expected["carrier"].unique())
    ]
    assert "carrier" not in pq.ParquetFile(next(path.rglob("part.parquet"))).schema_arrow.names
    found["carrier"] = found["carrier"].astype(str)
    columns = list(expected)
    key = ["carrier", "flight", "time_hour", "tailnum"]
    pd.testing.assert_frame_equal(
        found[columns].sort_values(key).reset_index(drop=True),
        expected.sort_values(key).reset_index(drop=True),
        check_dtype=False,
    )


def test_partitions_of_csv_are_the_rows_of_the_csv(tmp_path: Path) -> None:
    path = source(tmp_path)
    found = produce(tmp_path, path, "csv", partition_by=["ok", "code"])

    rows = []
    for part in sorted(found.rglob("*.csv")):
        header, *records = csv.reader(io.StringIO(part.read_text(), newline=""))
        assert header == ["id", "big", "x", "text"]
        rows += records
    assert sorted(rows) == sorted([row[0], row[1], row[2], row[4]] for row in ROWS)
    names = {str(part.relative_to(found)) for part in found.rglob("*.csv")}
    assert "ok=True/code=007/part.csv" in names
    assert "ok=__HIVE_DEFAULT_PARTITION__/code=4/part.csv" in names
    assert "ok=True/code=%23N%2FA/part.csv" in names


@pytest.mark.parametrize("output_format", ["csv.gz", "sqlite", "jsonl", "xlsx", "csv.zst"])
def test_partitions_in_every_format(tmp_path: Path, output_format: str) -> None:
    path = produce(tmp_path, source(tmp_path), output_format, partition_by=["ok"])

    assert len([part for part in path.rglob("*") if part.is_file()]) == 3
    assert {part.name for part in path.rglob("*") if part.is_file()} == {f"part.{output_format}"}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"output_format": "xls"}, "output_format is 'xls', but must be one of csv, csv.gz"),
        ({"partition_by": ["nope"]}, "partition_by names a column 'nope', but the result has: id, big"),
        ({"partition_by": ["id", "id"]}, "partition_by names 'id' twice"),
        ({"partition_by": HEADER}, "partition_by names all columns of the result"),
    ],
)
def test_impossible_requests_are_refused_before_the_work(
    tmp_path: Path, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        split(JobDirectory(tmp_path / "job"), Request(input=source(tmp_path), processor="transform", **request_))


def test_names_that_a_format_cannot_distinguish(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,A\n1,2\n")
    with pytest.raises(OptionError, match="the result has columns 'a' and 'A', the same name in sqlite"):
        split(JobDirectory(tmp_path / "job"), Request(input=path, processor="transform", output_format="sqlite"))


def test_more_rows_than_a_sheet_has_are_refused_before_the_work(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a\n" + "1\n" * (1 << 20))
    with pytest.raises(OptionError, match="the result has 1,048,576 rows, but xlsx allows 1,048,575"):
        split(JobDirectory(tmp_path / "job"), Request(input=path, processor="transform", output_format="xlsx"))


@pytest.mark.parametrize("value", ["x" * 32_768, "bell\x07"])
def test_a_text_that_no_cell_can_have_leaves_no_result(tmp_path: Path, value: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(f"a,b\n1,{value}\n")
    with pytest.raises(OptionError, match=r"column 'b' has .*, which a cell of xlsx cannot have"):
        run_in_process(tmp_path, path, processor="transform", output_format="xlsx")
    assert [entry.name for entry in (tmp_path / f"job-1-{1 << 20}-out").iterdir()] == ["job.json"]
    assert not (tmp_path / f"job-1-{1 << 20}/collect").exists()

    found = run_in_process(tmp_path, path, processor="transform", output_format="csv")  # with the same job
    assert found.records == [{"a": "1", "b": value}]


def test_a_finished_job_stays_in_its_format(tmp_path: Path) -> None:
    path = source(tmp_path)
    run_in_process(tmp_path, path, processor="transform", output_format="parquet")
    with pytest.raises(JobError, match="with another value of output_format"):
        run_in_process(tmp_path, path, processor="transform", output_format="csv")


def test_a_resume_may_change_the_format(tmp_path: Path) -> None:
    path, job = source(tmp_path), JobDirectory(tmp_path / f"job-1-{1 << 20}")
    split(job, Request(input=path, processor="transform", chunks=1, workers=1, output_format="csv"))
    with pytest.raises(JobError, match="with another value of output_format"):  # what is copied was not read
        split(job, Request(input=path, processor="transform", chunks=1, workers=1, output_format="parquet"))

    found = run_in_process(tmp_path, path, processor="transform", output_format="csv.gz")

    assert gzip.decompress(found.data) == path.read_bytes()


def test_parts_keep_the_dialect_of_the_input(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b'\xef\xbb\xbfa;b;c\r\n"x;""1";1,5;p\r\n"two\r\nlines";2,25;q\r\n;3,0;p\r\n')

    found = produce(tmp_path, path, "csv", partition_by=["c"], decimal=",")

    assert {str(part.relative_to(found)): part.read_bytes() for part in found.rglob("*.csv")} == {
        "c=p/part.csv": b'\xef\xbb\xbfa;b\r\n"x;""1";1,5\r\n;3,0\r\n',
        "c=q/part.csv": b'\xef\xbb\xbfa;b\r\n"two\r\nlines";2,25\r\n',
    }


def test_a_lone_column_in_a_part_has_no_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,x\n,x\n2,y\n")

    found = produce(tmp_path, path, "csv", partition_by=["b"])

    assert (found / "b=x/part.csv").read_text() == 'a\n1\n""\n'

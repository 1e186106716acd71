"""Results in other formats: read by independent readers, and the same bytes for any chunks."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import math
import sqlite3
import zipfile
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from csvswarm.collect.run import collect
from csvswarm.collect.verify import verify
from csvswarm.errors import CsvswarmError, JobError, OptionError
from csvswarm.job.directory import JobDirectory
from csvswarm.split.run import Request, split

from tests.support.jobs import SAMPLE, Scripts, run_in_process, run_with_all_cuts

CUTS = ((1, 1 << 20), (3, 256), (7, 64))
#: Values that a careless writer changes.
HEADER = ["id", "big", "x", "ok", "text", "code"]
ROWS: list[list[str]] = [
    ["1", "9223372036854775807", "0.1", "True", "plain", "007"],
    ["2", "-9223372036854775808", "0.30000000000000004", "False", "a,b", "1"],
    ["3", "9007199254740993", "1e+300", "True", 'say "hi"', "2"],
    ["4", "0", "5e-324", "False", "two\nlines", "3"],
    ["5", "999999999999999", "-0.5", "True", "=1+1", "x"],
    ["6", "", "", "", "é☃𝄞", "4"],
    ["7", "12", "inf", "True", "NA", "5"],
    ["8", "13", "-inf", "False", "", "6"],
    ["9", "14", "123456789.12345679", "True", " blanks ", "#N/A"],
]
#: The same as values. Unquoted, an empty field is missing; quoted, it is text in a text column.
VALUES: list[tuple[Any, ...]] = [
    (
        int(row[0]),
        int(row[1]) if row[1] else None,
        float(row[2]) if row[2] else None,
        row[3] == "True" if row[3] else None,
        row[4],
        row[5],
    )
    for row in ROWS
]


def source(directory: Path, rows: Iterable[list[str]] = ROWS) -> Path:
    """A CSV in which text is quoted, and nothing else."""
    path = directory / "data.csv"

    def field(index: int, value: str) -> str:
        return f'"{value.replace(chr(34), chr(34) * 2)}"' if index >= 4 else value

    lines = [",".join(field(index, value) for index, value in enumerate(row)) for row in rows]
    path.write_text("\n".join([",".join(HEADER), *lines, ""]), newline="")
    return path


def produce(directory: Path, path: Path, output_format: str, **request: Any) -> Path:
    """Run a job cut in three ways, assert that the bytes are the same, and return the path of the result."""
    given = {"processor": "transform", **request}
    run_with_all_cuts(directory, path, cuts=CUTS, output_format=output_format, **given)
    output = directory / f"job-1-{1 << 20}-out"
    verify(output)
    (found,) = [entry for entry in output.iterdir() if entry.name.startswith("result")]
    assert {entry.name for entry in output.iterdir()} == {found.name, "job.json", "_SUCCESS"}
    return found


@pytest.mark.parametrize("processor", ["transform", "convert"])
def test_parquet_has_the_values_and_types(tmp_path: Path, processor: str) -> None:
    found = pq.read_table(produce(tmp_path, source(tmp_path), "parquet", processor=processor))

    assert found.column_names == HEADER
    assert [str(kind) for kind in found.schema.types] == ["int64", "int64", "double", "bool", "string", "string"]
    assert list(zip(*(column.to_pylist() for column in found.columns), strict=True)) == VALUES


def test_sqlite_has_the_values_and_types(tmp_path: Path) -> None:
    with closing(sqlite3.connect(produce(tmp_path, source(tmp_path), "sqlite"))) as database:
        rows = database.execute("SELECT * FROM result").fetchall()
        types = [row[2] for row in database.execute("PRAGMA table_info(result)")]
        stored = database.execute("SELECT typeof(big), typeof(x), typeof(text) FROM result WHERE id = 3").fetchone()

    assert rows == VALUES
    assert types == ["INTEGER", "INTEGER", "REAL", "BOOLEAN", "TEXT", "TEXT"]
    assert stored == ("integer", "real", "text")


def test_json_lines_have_the_values_and_types(tmp_path: Path) -> None:
    text = produce(tmp_path, source(tmp_path), "jsonl").read_text()
    found = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]

    assert [list(row) for row in found] == [HEADER] * len(ROWS)
    for row, expected in zip(found, VALUES, strict=True):
        if expected[2] is not None and math.isinf(expected[2]):
            row["x"] = float(row["x"])  # JSON has no infinity, so it is text
        assert tuple(row.values()) == expected
        assert type(row["id"]) is int


def test_xlsx_has_the_values_and_no_formula(tmp_path: Path) -> None:
    path = produce(tmp_path, source(tmp_path), "xlsx")
    with closing(openpyxl.load_workbook(path)) as book:
        header, *rows = book["result"].iter_rows()

    assert [cell.value for cell in header] == HEADER
    for row, expected in zip(rows, VALUES, strict=True):
        found = [cell.value for cell in row]
        for value, wanted in zip(found, expected, strict=True):
            if isinstance(wanted, int) and not isinstance(wanted, bool) and abs(wanted) >= 10**15:
                assert value == str(wanted)  # Excel computes with 15 digits
            elif isinstance(wanted, float) and math.isinf(wanted):
                assert value == str(wanted)
            else:
                assert value == (wanted if wanted != "" else None)
        assert {cell.data_type for cell in row} <= {"n", "b", "s", "inlineStr"}  # no formula, no error


def test_compressed_csv_has_the_bytes_of_the_csv(tmp_path: Path) -> None:
    path = source(tmp_path)
    plain = run_in_process(tmp_path, path, processor="transform").data
    for output_format in ("csv.gz", "csv.zst"):
        directory = tmp_path / output_format
        directory.mkdir()
        found = produce(directory, path, output_format)
        assert found.name == f"result.{output_format}"
        if output_format == "csv.gz":
            assert gzip.decompress(found.read_bytes()) == plain
        else:
            with pa.OSFile(str(found)) as file, pa.CompressedInputStream(file, "zstd") as text:
                assert text.read() == plain


@pytest.mark.parametrize("output_format", ["parquet", "sqlite", "jsonl", "xlsx", "csv.gz", "csv.zst"])
@pytest.mark.parametrize(
    ("processor", "options"),
    [
        ("statistics", {}),
        ("aggregate", {"group_by": ["carrier"], "metrics": {"distance": ["sum", "count"], "arr_delay": ["mean"]}}),
    ],
)
def test_combined_results_keep_their_types(
    tmp_path: Path, output_format: str, processor: str, options: dict[str, Any]
) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text("".join(SAMPLE.read_text().splitlines(keepends=True)[:40]))
    expected = pd.read_csv(io.BytesIO(run_in_process(tmp_path, sample, processor=processor, options=options).data))
    directory = tmp_path / "other"
    directory.mkdir()

    path = produce(directory, sample, output_format, processor=processor, options=options)

    readers: dict[str, Any] = {
        "parquet": pd.read_parquet,
        "jsonl": lambda file: pd.read_json(file, lines=True, precise_float=True),
        "xlsx": pd.read_excel,
    }
    if output_format == "sqlite":
        with closing(sqlite3.connect(path)) as database:
            found = pd.read_sql("SELECT * FROM result", database)
    else:
        found = readers.get(output_format, pd.read_csv)(path) if output_format != "csv.zst" else _zstd(path)
    pd.testing.assert_frame_equal(
        found.astype(object).where(found.notna(), None), expected.astype(object).where(expected.notna(), None)
    )


def _zstd(path: Path) -> pd.DataFrame:
    with pa.OSFile(str(path)) as file, pa.CompressedInputStream(file, "zstd") as text:
        return pd.read_csv(io.BytesIO(text.read()))


# -- types over the whole file -----------------------------------------------------------------------------------------


def test_a_late_value_gives_the_copied_column_its_type_for_any_chunks(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b,keep\n" + "1,1,yes\n" * 400 + "2.5,x,no\n" + "3,3,yes\n" * 400)

    found = pq.read_table(produce(tmp_path, path, "parquet", options={"where": "keep == 'yes'"}))

    assert [str(kind) for kind in found.schema.types] == ["double", "string", "string"]
    assert found.num_rows == 800


def test_european_numbers_and_dates_become_typed_values(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("preis;tag;name\n1.234,50;31.01.2024;x\n2,25;01.02.2024;-\n;;y\n")

    found = pq.read_table(
        produce(
            tmp_path, path, "parquet", decimal=",", thousands=".", date_format={"tag": "%d.%m.%Y"}, null_values=["-"],
            options={"assign": {"doppelt": "preis * 2"}},
        )
    )  # fmt: skip

    assert found.to_pydict() == {
        "preis": [1234.5, 2.25, None],
        "tag": [dt.datetime(2024, 1, 31), dt.datetime(2024, 2, 1), None],  # noqa: DTZ001
        "name": ["x", None, "y"],
        "doppelt": [2469.0, 4.5, None],
    }


MINE = """
import datetime as dt
import pandas as pd

def process(block, context):
    return pd.DataFrame({
        "huge": [2**70] * len(block),
        "zone": pd.Timestamp("2024-01-31", tz="Europe/Berlin"),
        "time": pd.Timestamp("2024-01-31 10:30:00.25"),
        "day": [dt.date(2024, 1, 31)] * len(block),
        "unsigned": pd.array([2**64 - 1] * len(block), dtype="uint64"),
        "missing": None,
    })
"""


def test_values_without_an_exact_type_are_text(tmp_path: Path) -> None:
    path, processor = source(tmp_path), tmp_path / "mine.py"
    processor.write_text(MINE)

    found = pq.read_table(produce(tmp_path, path, "parquet", processor=str(processor)))

    assert found.slice(0, 1).to_pylist() == [
        {
            "huge": "1180591620717411303424",
            "zone": "2024-01-31 00:00:00+01:00",
            "time": dt.datetime(2024, 1, 31, 10, 30, 0, 250_000),  # noqa: DTZ001
            "day": "2024-01-31",
            "unsigned": "18446744073709551615",
            "missing": None,
        }
    ]


@pytest.mark.parametrize("output_format", ["parquet", "sqlite", "jsonl", "xlsx", "csv.gz"])
def test_no_rows_and_a_single_column_with_missing_values(tmp_path: Path, output_format: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text('a,b\n1,x\n,y\n"",\n')
    single = produce(tmp_path, path, output_format, options={"columns": ["a"]})
    empty_directory = tmp_path / "empty"
    empty_directory.mkdir()
    empty = produce(empty_directory, path, output_format, options={"where": "b == 'no'"})

    readers: dict[str, Callable[[Path], Any]] = {
        "parquet": lambda file: pq.read_table(file).to_pydict(),
        "csv.gz": lambda file: pd.read_csv(file, keep_default_na=False, dtype=str).to_dict("list"),
    }
    if read := readers.get(output_format):
        assert read(single) == {"a": [1, None, None] if output_format == "parquet" else ["1", "", ""]}
        assert read(empty) == {"a": [], "b": []}
    elif output_format == "xlsx":
        assert pd.read_excel(single)["a"].dropna().tolist() == [1]
        assert list(pd.read_excel(empty)) == ["a", "b"]
    elif output_format == "sqlite":
        with closing(sqlite3.connect(single)) as database:
            assert database.execute("SELECT a FROM result").fetchall() == [(1,), (None,), (None,)]
    else:
        assert single.read_text() == '{"a":1}\n{"a":null}\n{"a":null}\n'
        assert empty.read_text() == ""


# -- partitions --------------------------------------------------------------------------------------------------------


def test_partitions_are_what_pyarrow_and_pandas_read(tmp_path: Path) -> None:
    path = produce(tmp_path, SAMPLE_OF(tmp_path), "parquet", partition_by=["carrier"])
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


def SAMPLE_OF(directory: Path) -> Path:  # noqa: N802
    path = directory / "sample.csv"
    path.write_text("".join(SAMPLE.read_text().splitlines(keepends=True)[:40]))
    return path


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


# -- what cannot be ----------------------------------------------------------------------------------------------------


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


def test_names_that_a_format_cannot_tell_apart(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,A\n1,2\n")
    with pytest.raises(OptionError, match="the result has columns 'a' and 'A', which sqlite cannot tell apart"):
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
    assert run_in_process(tmp_path, path, processor="transform", output_format="csv.gz").data


# -- whole or not there ------------------------------------------------------------------------------------------------


def test_a_result_that_is_there_is_not_written_anew(tmp_path: Path) -> None:
    scripts = Scripts(tmp_path)
    for run in (
        scripts.split(source(tmp_path), "--processor=transform", "--output-format=sqlite", '--partition-by=["ok"]'),
        scripts.process(),
        scripts.collect(),
    ):
        assert run.code == 0, run.error
    files = {path: path.stat().st_mtime_ns for path in scripts.output.rglob("*") if path.is_file()}
    assert len(files) == 5

    again = scripts.collect()

    assert again.answer["result"] == str(scripts.output / "result")
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


def test_a_part_that_is_lost_makes_the_job_run_anew(tmp_path: Path) -> None:
    path = produce(tmp_path, source(tmp_path), "jsonl", partition_by=["ok"])
    part = path / "ok=True/part.jsonl"
    before = part.read_bytes()
    part.unlink()

    job = JobDirectory(tmp_path / path.parent.name.removesuffix("-out"))
    data = tmp_path / "data.csv"
    request = Request(data, "transform", chunks=1, workers=1, output_format="jsonl", partition_by=["ok"])
    split(job, request, path.parent)
    run_in_process(tmp_path, tmp_path / "data.csv", processor="transform", output_format="jsonl", partition_by=["ok"])

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
    """A file of somebody else in the place of the result is kept."""
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

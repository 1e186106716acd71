"""Results in other formats: read by independent readers, and the same bytes for any chunks."""

from __future__ import annotations

import gzip
import io
import json
import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.formats import HEADER, ROWS, VALUES, produce, sample_of, source
from tests.support.jobs import run_in_process


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
    sample = sample_of(tmp_path)
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
        "tag": [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01"), None],
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
            "time": pd.Timestamp("2024-01-31 10:30:00.25"),
            "day": "2024-01-31",
            "unsigned": "18446744073709551615",
            "missing": None,
        }
    ]


def test_names_and_zeros_in_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text('"say ""hi""; --","select"\n-0.0,1\n1e16,2\n')

    with closing(sqlite3.connect(produce(tmp_path, path, "sqlite"))) as database:
        found = database.execute("SELECT * FROM result").fetchall()
        names = [row[1] for row in database.execute("PRAGMA table_info(result)")]

    assert (names, found) == (['say "hi"; --', "select"], [(0.0, 1), (1e16, 2)])


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
    if output_format in readers:
        read = readers[output_format]
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

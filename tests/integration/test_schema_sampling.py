"""The schema is inferred from samples, but the result does not depend on which values they contain."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.support.jobs import Result, Scripts, run_in_process

ROWS = 80
FILES = {
    # values of columns x and t: in almost every record, and in one record late in the file
    "a quoted gap and a number": ('"",', "5,late"),
    "a gap and a text": (",", "five,late"),
    "an integer and a code": ("{row},", "A80,late"),
    "an integer and a fraction": ("{row},", "0.5,late"),
    "an integer and a gap": ("{row},", ",late"),
    "an integer and a flag": ("{row},", "True,late"),
    "a flag and a number": ("True,", "7,late"),
    "an integer and a long one": ("{row},", "123456789012345678901,late"),
    "an integer and leading zeros": ("{row},", "007,late"),
}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "statistics": {"window": 3},
    "aggregate": {"group_by": "t", "metrics": {"id": ["sum"], "x": ["first", "min", "nunique", "count"]}},
    "transform": {"where": "x.notna()", "assign": {"same": "x"}},
}


def written(directory: Path, often: str, once: str) -> Path:
    records = [f"{row}," + often.format(row=row) for row in range(ROWS)]
    records[60] = f"60,{once}"
    path = directory / "data.csv"
    path.write_text("id,x,t\n" + "\n".join(records) + "\n")
    return path


def run_with_poor_samples(directory: Path, source: Path, **request: Any) -> Result:
    """Run a job whose schema is inferred from one record at the start and one at the end."""
    directory.mkdir()
    samples = mock.patch.multiple("csvswarm.split.schema_sample", SAMPLES=1, SAMPLE_BYTES=16, HEAD_BYTES=32)
    with samples, mock.patch("csvswarm.input.header.HEAD_BYTES", 32):
        return run_in_process(directory, source, chunks=4, block_bytes=64, **request)


@pytest.mark.parametrize("processor", OPTIONS)
@pytest.mark.parametrize("file", FILES)
def test_result_is_independent_of_the_samples(tmp_path: Path, file: str, processor: str) -> None:
    source = written(tmp_path, *FILES[file])
    request: dict[str, Any] = {"processor": processor, "options": OPTIONS[processor]}

    poor = run_with_poor_samples(tmp_path / "poor", source, **request)

    assert poor == run_in_process(tmp_path, source, **request)


def test_gap_in_the_last_records_reruns_no_chunk(tmp_path: Path) -> None:
    scripts = Scripts(tmp_path)
    source = scripts.directory / "data.csv"
    source.write_text("id,x\n" + "".join(f"{row},{row}\n" for row in range(300_000)) + "300000,\n")

    processor = scripts.directory / "same.py"
    processor.write_text("def process(block, context):\n    return block\n")

    scripts.split(source, "--processor", processor, "--chunks", "3")

    assert scripts.process().answer["chunks_run"] == 3


def test_numbers_may_be_requested_before_the_first_is_read(tmp_path: Path) -> None:
    source = written(tmp_path, *FILES["a quoted gap and a number"])

    of_columns = run_with_poor_samples(tmp_path / "1", source, options={"columns": ["x"]})
    of_groups = run_with_poor_samples(
        tmp_path / "2",
        source,
        processor="aggregate",
        options={"group_by": "t", "metrics": {"x": ["sum", "mean", "median"]}},
    )

    assert of_columns.records[0]["count"] == "1"
    assert of_groups.data == b"t,x_sum,x_mean,x_median\nlate,5,5.0,5.0\n"


def test_column_of_quoted_nulls_has_no_numbers(tmp_path: Path) -> None:
    source = tmp_path / "data.csv"
    source.write_text('g,x\na,""\na,"NA"\nb,\n')

    figures = run_in_process(tmp_path / "1", source)
    groups = run_in_process(
        tmp_path / "2", source, processor="aggregate", options={"group_by": "g", "metrics": {"x": ["count", "sum"]}}
    )

    assert figures.rows == [["x", "0", "3", *[""] * 13, "0.0", "", "", "0.0"]]
    assert groups.rows == [["a", "0", "0.0"], ["b", "0", "0.0"]]


@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("a quoted gap and a number", {"where": "x > 2"}),
        ("a gap and a text", {"where": "t.str.startswith('l')"}),
        ("an integer and a code", {"assign": {"kind": "x.str.slice(0, 1)"}}),
    ],
)
def test_expression_fails_only_for_values_of_the_whole_file(tmp_path: Path, file: str, options: dict[str, Any]) -> None:
    source = written(tmp_path, *FILES[file])

    poor = run_with_poor_samples(tmp_path / "poor", source, processor="transform", options=options)

    assert poor == run_in_process(tmp_path, source, processor="transform", options=options)

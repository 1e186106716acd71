"""A successful job that may not do what the user intended has a warning; with strict, an error."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from csvswarm.errors import JobError

from tests.support.jobs import Scripts, run_in_process, write_csv

CHUNKS = (1, 3, 7)
NO_NUMBERS = "The result has no rows: none of the 2 columns is numeric."


def warnings_of(directory: Path, source: Path, chunks: int, **request: Any) -> list[str]:
    run_in_process(directory, source, chunks=chunks, **request)
    report = json.loads((directory / f"job-{chunks}-{1 << 20}-out/job.json").read_text())
    found: list[str] = report["warnings"]
    return found


def csv_file(directory: Path, rows: Sequence[Sequence[Any]]) -> Path:
    return write_csv(directory / "data.csv", ["a", "b"], rows)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize(
    ("values", "like", "remedy"),
    [
        (["1,5", "2,25", "-3,0"], "'1,5'", "-e decimal=,."),
        (["1,234", "2,500", "1,000"], "'1,234'", "-e thousands=, or -e decimal=, (every comma may be either)."),
        (["1 234,5", "12 345,5", "7,5"], "'1 234,5'", "-e decimal=,."),
        (["10%", "12.5 %", "-3%"], "'10%'", """-e '{"column_types": {"a": "percent"}}'."""),
        (["$10.50", "-$3", "$1,000"], "'$10.50'", """-e '{"column_types": {"a": "currency"}}'."""),
        (["(12)", "15", "(3.5)"], "'(12)'", """-e '{"column_types": {"a": "currency"}}'."""),
    ],
)
def test_numbers_in_another_style_are_warned_about(
    tmp_path: Path, values: list[str], like: str, remedy: str, chunks: int
) -> None:
    source = csv_file(tmp_path, [[value, "x"] for value in values])

    column, empty = warnings_of(tmp_path, source, chunks)

    assert column.startswith("column 'a' is text: ")
    assert f"are written like {like} (record 1)" in column
    assert column.endswith(f"To read them as numbers, pass {remedy}")
    assert empty.startswith(NO_NUMBERS)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("at", [3, 1500, 2999])
def test_few_non_numbers_are_listed_with_their_records(tmp_path: Path, at: int, chunks: int) -> None:
    rows = [[str(number), str(number * 0.5)] for number in range(3000)]
    rows[at - 1][0] = "broken"
    source = csv_file(tmp_path, rows)

    (warning,) = warnings_of(tmp_path, source, chunks)

    assert f"but there is 'broken' in record {at}. " in warning
    assert """-e '{"column_types": {"a": "text"}}'""" in warning
    assert warnings_of(tmp_path / "given", source, chunks, column_types={"a": "text"}) == []


def test_value_outside_the_sample_is_listed(tmp_path: Path) -> None:
    rows = [[str(number), "x" * 300] for number in range(6000)]
    rows[3000][0] = "broken"  # beyond the samples, which are the starts of blocks and the last one
    source = csv_file(tmp_path, rows)

    run_in_process(tmp_path, source, chunks=2, block_bytes=1 << 20)
    report = json.loads((tmp_path / f"job-2-{1 << 20}-out/job.json").read_text())

    assert "'broken' in record 3001" in report["warnings"][0]
    assert {attempt["status"] for attempt in report["attempts"]} >= {"misfit", "done"}


def test_value_in_the_sample_of_the_last_block_is_listed(tmp_path: Path) -> None:
    rows = [[str(number), "x" * 300] for number in range(6000)]
    rows[5900][0] = "broken"
    source = csv_file(tmp_path, rows)

    run_in_process(tmp_path, source, chunks=2, block_bytes=1 << 20)
    report = json.loads((tmp_path / f"job-2-{1 << 20}-out/job.json").read_text())

    assert "'broken' in record 5901" in report["warnings"][0]
    assert {attempt["status"] for attempt in report["attempts"]} == {"done"}


@pytest.mark.parametrize(
    "values",
    [
        ["007", "12", "13", "14", "15", "16"],
        ["+49 30 12", "12", "13", "14", "15", "16"],
        ["12345678901234567890", "1", "2", "3", "4", "5"],
        ["x", "y", "1", "z", "u", "v"],
        ["2024-01-31", "2024-02-01"],
        ["192.168.0.1", "10.0.0.7"],
    ],
    ids=repr,
)
def test_codes_and_texts_cause_no_warning(tmp_path: Path, values: list[str]) -> None:
    source = csv_file(tmp_path, [[value, "1"] for value in values])

    assert warnings_of(tmp_path, source, 1) == []


@pytest.mark.parametrize("chunks", CHUNKS)
def test_all_groups_missing(tmp_path: Path, chunks: int) -> None:
    source = csv_file(tmp_path, [["", 1], ["NA", 2]])
    options = {"group_by": ["a"], "metrics": {"b": "sum"}}

    (warning,) = warnings_of(tmp_path, source, chunks, processor="aggregate", options=options)

    assert warning.startswith("The result has no rows: each of the 2 records lacks a value in one of the columns of")
    assert warning.endswith("Columns: 'a' is null; 'b' is int, like '1'.")


@pytest.mark.parametrize("chunks", CHUNKS)
def test_where_without_matching_rows(tmp_path: Path, chunks: int) -> None:
    source = csv_file(tmp_path, [["x", 1], ["y", 2]])

    (warning,) = warnings_of(tmp_path, source, chunks, processor="transform", options={"where": "a == 'z'"})

    assert warning == (
        "The result has no rows: where (a == 'z') keeps none of the 2 records. Columns: 'a' is text, like 'x'."
    )


def test_custom_processor_without_rows(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def process(block, context):\n    return block[:0]\n")
    source = csv_file(tmp_path, [["x", 1], ["y", 2]])

    (warning,) = warnings_of(tmp_path, source, 2, processor=str(tmp_path / "mine.py"))

    assert warning.startswith("The result has no rows: processor mine returned none for 2 records.")


def test_a_file_without_records_gives_no_warning(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, csv_file(tmp_path, []), 1) == []


@pytest.mark.parametrize(
    ("rows", "processor", "options"),
    [
        ([["1,5", "x"], ["2,5", "y"]], "statistics", {}),
        ([["x", "1"], ["y", "2"]], "transform", {"where": "b > 5"}),
        ([["", "1"], ["", "2"]], "aggregate", {"group_by": ["a"], "metrics": {"b": "sum"}}),
    ],
)
def test_strict_leaves_no_result_and_a_resume_without_it_succeeds(
    tmp_path: Path, rows: list[list[str]], processor: str, options: dict[str, Any]
) -> None:
    source = csv_file(tmp_path, rows)
    request: dict[str, Any] = {"processor": processor, "options": options}
    with pytest.raises(JobError, match="Warnings are errors because of strict=true"):
        run_in_process(tmp_path, source, strict=True, **request)
    output = tmp_path / f"job-1-{1 << 20}-out"
    assert not (output / "result.csv").exists()
    assert not (output / "_SUCCESS").exists()

    result = run_in_process(tmp_path, source, **request)

    assert result.rows == []
    with pytest.raises(JobError, match="Warnings are errors"):
        run_in_process(tmp_path, source, strict=True, **request)


def test_the_scripts_print_warnings_and_pass_them_on(tmp_path: Path) -> None:
    scripts = Scripts(tmp_path)
    source = csv_file(scripts.directory, [["1,5", "x"], ["2,5", "y"]])
    assert scripts.split(source).code == 0
    assert scripts.process().code == 0

    done = scripts.collect().answer

    assert [text.split(":")[0] for text in done["warnings"]] == ["column 'a' is text", "The result has no rows"]


@pytest.mark.parametrize("chunks", CHUNKS)
def test_a_quote_that_closes_too_late_is_a_warning(tmp_path: Path, chunks: int) -> None:
    lines = [f"{number},x" for number in range(3000)]
    lines[99], lines[2899] = '"99,x', '2899,"'
    source = tmp_path / "data.csv"
    source.write_text("\n".join(["a,b", *lines]) + "\n")

    *_, warning = warnings_of(tmp_path, source, chunks, on_error="quarantine", processor="convert")

    assert warning.startswith("rejected records, 1 of 200, contain 9")
    assert "% of the input (first: record 100). A quote may close too late" in warning


@pytest.mark.parametrize("chunks", CHUNKS)
def test_rejected_records_of_ordinary_length_are_no_warning(tmp_path: Path, chunks: int) -> None:
    source = csv_file(tmp_path, [[str(number), *["x"] * (1 + number % 2)] for number in range(3000)])

    assert not warnings_of(tmp_path, source, chunks, on_error="quarantine", processor="convert")

"""A limit: the first records of an input only, whatever it is and however it is cut."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.jobs import Scripts, run_in_process, run_with_all_cuts, write_csv


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path)


FIELDS = st.sampled_from(["a", "b,c", "two\nlines", 'a "quote"', "", "x" * 30])


@settings(max_examples=25)
@given(rows=st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=30), limit=st.integers(1, 35))
def test_limited_result_equals_that_of_a_shorter_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], limit: int
) -> None:
    directory = tmp_path_factory.mktemp("any")
    numbered = [(f"{number}", *row) for number, row in enumerate(rows)]
    whole = write_csv(directory / "whole.csv", ["n", "a", "b"], numbered)
    first = write_csv(directory / "first.csv", ["n", "a", "b"], numbered[:limit])

    limited = run_with_all_cuts(directory / "limited", whole, processor="transform", limit=limit)

    assert limited == run_in_process(directory / "first", first, processor="transform")


@pytest.mark.parametrize("chunks", ["1", "3", "auto"])
def test_compressed_and_irregular_input(scripts: Scripts, chunks: str) -> None:
    lines = [f'{number},5" pipe,{number}' for number in range(100)]
    source = scripts.directory / "data.csv.gz"
    source.write_bytes(gzip.compress("\n".join(["n,size,m", *lines]).encode()))

    result = scripts.all(source, "--processor", "transform", "--limit", "42", "--chunks", chunks)

    assert result.data.decode() == "\n".join(["n,size,m", *lines[:42]]) + "\n"


@pytest.mark.parametrize("chunks", ["1", "3", "auto"])
@pytest.mark.parametrize("mode", ["auto", "files"])
def test_records_of_a_rewritten_input_are_counted_as_they_are_read(scripts: Scripts, chunks: str, mode: str) -> None:
    source = scripts.directory / "data.csv"
    records = [f"{number}  {number % 7}" for number in range(100)]
    commented = "\n".join(f"# {record}\n{record}" for record in records)
    source.write_text(f"n  m\n{commented}\n")
    layout = ("--delimiter=whitespace", "--comment=#", "--limit=42", f"--mode={mode}")

    result = scripts.all(source, "--processor", "transform", *layout, "--chunks", chunks)

    assert result.data.decode().splitlines() == ["n,m", *(record.replace("  ", ",") for record in records[:42])]


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1.5"])
def test_a_limit_is_a_number(scripts: Scripts, limit: str) -> None:
    source = scripts.directory / "data.csv"
    source.write_text("a\n1\n")

    line = scripts.split(source, f"--limit={limit}").line

    assert line == f"limit is {limit!r}, but must be a whole number of records from 1 to 999999999999999, or none."


def test_a_job_of_all_records_is_another_job(scripts: Scripts) -> None:
    source = Path(scripts.directory / "data.csv")
    source.write_text("a\n" + "1\n" * 9)
    assert scripts.split(source, "--limit", "3").answer["limit"] == 3

    assert "was made with another value of limit" in scripts.split(source).line

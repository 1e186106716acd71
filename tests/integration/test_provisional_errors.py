"""An error caused by sampled types is provisional until the whole file is read; any other is reported immediately."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from csvswarm.errors import CsvswarmError
from csvswarm.job.directory import JobDirectory
from csvswarm.process.run import process_all
from csvswarm.split.run import Request, split


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A column of integers with one text near the end, which no sample contains."""
    monkeypatch.setattr("csvswarm.split.schema_sample.SAMPLES", 1)
    monkeypatch.setattr("csvswarm.split.schema_sample.SAMPLE_BYTES", 64)
    source = tmp_path / "data.csv"
    rows = "".join(f"{number},1\n" for number in range(60_000))
    source.write_text(f"a,b\n{rows}x,1\n{rows}")
    return source


def run(directory: Path, source: Path, body: str, **request: Any) -> tuple[JobDirectory, str]:
    processor = directory / "mine.py"
    processor.write_text(f"def process(block, context):\n    {body}\n")
    job = JobDirectory(directory / "job")
    name = request.pop("processor", str(processor))
    split(job, Request(input=source, processor=str(name), chunks=4, workers=1, **request))
    try:
        process_all(job, 1)
    except CsvswarmError as error:
        return job, str(error)
    return job, ""


def test_error_resolved_by_a_wider_schema_is_not_reported(tmp_path: Path, source: Path) -> None:
    _, message = run(tmp_path, source, "return block.assign(first=block.a.str.slice(0, 1))")
    assert not message


def test_error_not_resolved_by_a_wider_schema_is_reported(tmp_path: Path, source: Path) -> None:
    job, message = run(tmp_path, source, "return block.assign(first=block.b.str.slice(0, 1))")
    assert "AttributeError" in message
    assert "in chunk 1, records 1 to" in message
    assert {receipt.status for receipt in job.receipts()} <= {"suspect", "misfit"}


def test_error_unrelated_to_types_is_reported_immediately(tmp_path: Path, source: Path) -> None:
    job, message = run(tmp_path, source, "return undefined_name")
    assert "NameError" in message
    assert [receipt.status for receipt in job.receipts()] == ["error"]


def test_option_contradicted_by_the_file_prints_one_message(tmp_path: Path, source: Path) -> None:
    options = {"columns": ["a"]}
    job, message = run(tmp_path, source, "return block", processor="statistics", options=options)
    assert "names 'a', which is not numeric but text" in message
    with pytest.raises(CsvswarmError, match="not numeric but text"):
        process_all(job, 1)  # the same message and no other

"""Merging early is a head start: the result is the same without it, and receipts alone decide."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from csvswarm.collect import collect
from csvswarm.errors import CsvswarmError
from csvswarm.job import Job
from csvswarm.process import process_all
from csvswarm.split import Request, split

from tests.helpers import SAMPLE


@pytest.fixture
def job(tmp_path: Path) -> Job:
    job = Job(tmp_path / "job")
    split(job, Request(input=SAMPLE, processor="transform", chunks=5, workers=2))
    process_all(job, 2)
    return job


def test_the_merged_file_becomes_the_result(job: Job, tmp_path: Path) -> None:
    merged = (job.directory / "merged.csv").stat()
    collected = collect(job, tmp_path / "out")
    assert Path(collected.result).read_bytes() == SAMPLE.read_bytes()
    assert Path(collected.result).stat().st_ino == merged.st_ino
    assert collected.rows_out == 27_004


@pytest.mark.parametrize("harm", ["no record", "no data", "cut off", "another attempt"])
def test_a_merged_file_that_is_not_of_these_receipts_is_not_taken(job: Job, tmp_path: Path, harm: str) -> None:
    record, data = job.directory / "merged.json", job.directory / "merged.csv"
    if harm == "no record":
        record.unlink()
        data.write_bytes(b"not this")
    elif harm == "no data":
        data.unlink()
    elif harm == "cut off":
        data.write_bytes(data.read_bytes()[:-1])
    else:
        parts = json.loads(record.read_text())
        parts["parts"][2][2] = "somebody-else"
        record.write_text(json.dumps(parts))
        data.write_bytes(data.read_bytes().replace(b"UA", b"XX"))
    assert Path(collect(job, tmp_path / "out").result).read_bytes() == SAMPLE.read_bytes()


def test_half_a_merged_file_is_not_left_behind(tmp_path: Path) -> None:
    processor = tmp_path / "fails.py"
    processor.write_text(
        "def process(block, context):\n    if context.chunk == 3:\n        undefined_name\n    return block\n"
    )
    job = Job(tmp_path / "job")
    split(job, Request(input=SAMPLE, processor=str(processor), chunks=4, workers=1))
    with pytest.raises(CsvswarmError, match="NameError"):
        process_all(job, 1)
    assert not list(job.directory.glob("merged*"))


def test_a_damaged_result_is_made_again(job: Job, tmp_path: Path) -> None:
    output = tmp_path / "out"
    collect(job, output)
    (output / "result.csv").write_bytes(b"damaged")
    again = split(job, Request(input=SAMPLE, processor="transform", chunks=5, workers=2), output)
    process_all(job, 2)
    assert Path(collect(job, output).result).read_bytes() == SAMPLE.read_bytes()
    assert again.rows == 27_004


def test_what_was_done_before_a_resume_is_merged_as_well(job: Job, tmp_path: Path) -> None:
    receipt = next(receipt for receipt in job.receipts() if receipt.chunk == 2)
    (job.receipts_directory / f"{receipt.chunk:06d}-{receipt.generation:04d}.json").unlink()
    (job.directory / "merged.json").unlink()
    assert process_all(job, 1).chunks_run == 1
    assert (job.directory / "merged.json").is_file()
    assert Path(collect(job, tmp_path / "out").result).read_bytes() == SAMPLE.read_bytes()


def test_a_collector_that_was_killed_half_way_leaves_an_output_it_may_go_on_with(job: Job, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "job.json").write_text(json.dumps({"format": 1, "job_id": job.job_id, "status": "collecting"}))
    (output / "result.csv").write_bytes(b"half")
    assert Path(collect(job, output).result).read_bytes() == SAMPLE.read_bytes()

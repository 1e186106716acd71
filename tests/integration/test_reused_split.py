"""A job over the same input takes the chunks of an earlier one, where they are what it would cut itself."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from csvswarm.collect.run import collect
from csvswarm.job.directory import JobDirectory
from csvswarm.job.request import Request
from csvswarm.process.run import process_all
from csvswarm.split import run
from csvswarm.split.many_chunks import cut_inputs
from csvswarm.split.run import split

LINES = ["n,x", *(f"{number},{number % 7}" for number in range(500))]


@pytest.fixture(params=["data.csv", "data.csv.gz"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    data = "\n".join(LINES).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.fixture
def first(tmp_path: Path, source: Path) -> JobDirectory:
    job = JobDirectory(tmp_path / "first")
    split(job, Request(input=source, processor="transform", chunks=5, workers=1))
    return job


def needs_new_split(first: JobDirectory, source: Path, **more: Any) -> bool:
    """Whether a second job cut the input, or took the chunks of the first; its result is right in any case."""
    job = JobDirectory(first.directory.with_name("second"))
    with mock.patch.object(run, "cut_inputs", wraps=cut_inputs) as cut:
        request = Request(input=source, processor="transform", workers=1, split_of=first.directory, **more)
        manifest = split(job, request)
    process_all(job, 1)
    collected = collect(job, first.directory.with_name("out"))
    assert Path(collected.result).read_text().splitlines() == LINES[: manifest.rows + 1]
    return cut.called


def test_chunks_are_reused(first: JobDirectory, source: Path) -> None:
    assert not needs_new_split(first, source)


def test_another_limit_cuts(first: JobDirectory, source: Path) -> None:
    assert needs_new_split(first, source, limit=100)


@pytest.mark.parametrize(
    "more", [{"header": True}, {"skip_lines": 0}, {"comment": ""}, {"escape": ""}, {"null_values": ["?"]}], ids=str
)
def test_another_layout_cuts(first: JobDirectory, source: Path, more: dict[str, Any]) -> None:
    assert needs_new_split(first, source, **more)


def test_a_changed_input_is_cut(first: JobDirectory, source: Path) -> None:
    source.touch()

    assert needs_new_split(first, source)


def test_removed_job_is_not_an_error(first: JobDirectory, source: Path) -> None:
    (first.directory / "manifest.json").unlink()

    assert needs_new_split(first, source)


def test_missing_chunk_files_are_cut(first: JobDirectory, source: Path) -> None:
    first.remove_chunks()

    assert needs_new_split(first, source) == (source.suffix == ".gz")

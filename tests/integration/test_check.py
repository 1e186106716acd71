"""A check refuses what a split would refuse, and a disk that is too small, without writing anything."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from csvswarm.errors import CsvswarmError, InputError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.request import Request
from csvswarm.split.check import check
from csvswarm.split.run import split

CSV = "a,b\n" + "1,x\n" * 200_000


def job_and_output(tmp_path: Path) -> tuple[JobDirectory, Path, Path]:
    path = tmp_path / "data.csv"
    path.write_text(CSV)
    return JobDirectory(tmp_path / "jobs/one"), path, tmp_path / "out"


def test_check_predicts_the_number_of_chunks(tmp_path: Path) -> None:
    job, path, output = job_and_output(tmp_path)
    request = Request(input=path, processor="transform")

    checked = check(job, request, output)

    assert sorted(tmp_path.iterdir()) == [path]
    assert checked["bytes"] == len(CSV)
    assert checked["chunks"] == len(split(job, request, output).chunks)


@pytest.mark.parametrize(
    "wrong",
    [
        {"processor": "transform", "options": {"columns": ["c"]}},
        {"processor": "nothing"},
        {"column_types": {"c": "int"}},
        {"encoding": "klingon"},
        {"delimiter": "ab"},
    ],
)
def test_check_reports_the_errors_of_a_split(tmp_path: Path, wrong: dict[str, Any]) -> None:
    job, path, output = job_and_output(tmp_path)
    request = Request(input=path, **wrong)

    with pytest.raises(CsvswarmError) as checked:
        check(job, request, output)
    with pytest.raises(CsvswarmError) as refused:
        split(job, request, output)

    assert str(checked.value) == str(refused.value)


def test_check_rejects_another_input_for_an_existing_job(tmp_path: Path) -> None:
    job, path, output = job_and_output(tmp_path)
    split(job, Request(input=path), output)
    path.write_text(CSV + "2,y\n")

    with pytest.raises(CsvswarmError, match="as it was before it changed"):
        check(job, Request(input=path), output)


def test_check_rejects_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, path, output = job_and_output(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=len(CSV) - 1))

    with pytest.raises(InputError, match=r"has 1 MB free, but the job may need about 1 MB: free some, or name another"):
        check(job, Request(input=path, processor="transform"), output)

    # There are few groups: the output of statistics does not grow with the input.
    assert check(job, Request(input=path), output)["needed"] == 0

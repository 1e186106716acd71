"""The record of a job that failed on boards: written by its driver, taken over where its report is made."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from csvswarm.collect.deliver import take_failure
from csvswarm.driver.engine import Engine
from csvswarm.driver.stages import Stages
from csvswarm.driver.status import Status
from csvswarm.errors import JobError
from csvswarm.job.directory import SUCCESS, JobDirectory
from csvswarm.job.output_directory import FAILURE, RECORD_FORMAT, check_output

from tests.driver.job_requests import request_of
from tests.report.html_page import page
from tests.support.jobs import Scripts, record_validator, write_csv


def fail(scripts: Scripts, error: str) -> dict[str, Any]:
    """Record a failure as the driver does, and return what it wrote."""
    request = request_of(job_directory=str(scripts.job), output=str(scripts.output))
    scripts.output.mkdir(exist_ok=True)
    with closing(Engine(str(scripts.job / "no-engine"))) as engine:
        Stages(request, engine, Status(scripts.output, "job", "s", "board1"), "board1").record_failure(error)
    written: dict[str, Any] = json.loads((scripts.output / FAILURE).read_text())
    record_validator().validate(written["record"])
    return written


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """A job of three chunks, the last of which has failed, with a log of an attempt that was killed."""
    source = write_csv(tmp_path / "data.csv", ["a", "b"], [[1, 2]] * 50)
    source.write_text(source.read_text() + "1\n")
    scripts = Scripts(tmp_path)
    scripts.split(source, "--chunks", "3")
    scripts.process()
    logs = scripts.job / "logs"
    logs.mkdir(exist_ok=True)
    for number in range(30):
        (logs / f"0001-000003-{number:02}.log").write_text(f"lines\nno space \x1b[31m{number}\n")
        os.utime(logs / f"0001-000003-{number:02}.log", (number, number))
    return scripts


def test_report_of_a_job_that_failed_on_boards(scripts: Scripts, tmp_path: Path) -> None:
    written = fail(scripts, "chunk 3 failed \x1b[31m3 times")

    record = written["record"]
    assert (record["chunks"], record["chunks_done"], record["rows_out"]) == (3, 2, None)
    assert record["error"] == "chunk 3 failed \\x1b[31m3 times"
    assert [name for name, _ in written["logs"]] == [f"0001-000003-{number:02}.log" for number in range(29, 9, -1)]

    fetched, output = tmp_path / "fetched", tmp_path / "results"
    fetched.mkdir()
    (scripts.output / FAILURE).rename(fetched / FAILURE)
    remedy = "\nFinished chunks are kept. Fix the cause, then resume: run it"
    done = scripts.report("--output", output, "--failed", fetched / FAILURE, "--remedy", remedy).answer

    assert done == {"report": str(output / "report.html")}
    assert (output / "job.json").stat().st_mode & 0o77 == 0
    assert (output / "report.html").stat().st_mode & 0o77 == 0
    assert not (fetched / FAILURE).exists()
    found = page(output)
    found.check_safe()
    assert "Failed: 2 of 3 chunks are done and kept." in found.words
    assert "How to continue: Finished chunks are kept. Fix the cause, then resume: run it" in found.words
    assert "0001-000003-29.log ends with: lines no space \\x1b[31m29" in found.words


def test_without_a_record_there_is_no_report(scripts: Scripts, tmp_path: Path) -> None:
    done = scripts.report("--output", tmp_path / "results", "--failed", tmp_path / "none")

    assert done.answer == {"report": None}
    assert not (tmp_path / "results").exists()


def test_a_damaged_job_directory_leaves_the_error(scripts: Scripts) -> None:
    (scripts.job / "manifest.json").write_text("{")

    assert fail(scripts, "the manifest is damaged")["record"]["error"] == "the manifest is damaged"


def test_a_result_is_not_replaced_by_a_failure(scripts: Scripts, tmp_path: Path) -> None:
    fail(scripts, "x")
    output = tmp_path / "results"
    output.mkdir()
    (output / "job.json").write_text(json.dumps({"format": RECORD_FORMAT, "job_id": "job", "status": "done"}))
    (output / SUCCESS).touch()

    with pytest.raises(JobError, match="has a complete result"):
        take_failure(JobDirectory(scripts.job), scripts.output / FAILURE, output)

    assert json.loads((output / "job.json").read_text())["status"] == "done"
    assert (scripts.output / FAILURE).exists()


@pytest.mark.parametrize("found", [{}, {"record": {"job_id": "other", "status": "failed"}}, {"record": []}])
def test_a_record_of_something_else_is_refused(tmp_path: Path, found: dict[str, Any]) -> None:
    (tmp_path / FAILURE).write_text(json.dumps(found))

    with pytest.raises(JobError, match="is not the record of a failure of job job"):
        take_failure(JobDirectory(tmp_path / "job"), tmp_path / FAILURE, tmp_path / "results")

    assert not (tmp_path / "results").exists()


def test_a_failure_does_not_keep_its_directory_from_another_job(tmp_path: Path) -> None:
    """A retry creates a new job with the same output directory as the failed one."""
    record = {"format": RECORD_FORMAT, "job_id": "first", "status": "failed"}
    (tmp_path / "job.json").write_text(json.dumps(record))

    check_output(tmp_path, "second")
    (tmp_path / "result.csv").write_text("of something else")
    with pytest.raises(JobError, match=r"already contains a result\.csv of something else"):
        check_output(tmp_path, "second")
    (tmp_path / "job.json").write_text(json.dumps(record | {"status": "collecting"}))
    with pytest.raises(JobError, match="already contains the result of job first"):
        check_output(tmp_path, "second")

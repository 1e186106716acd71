"""Resuming a job with changes: with other versions, or with bad records that now fail it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import csvswarm
import pytest
from csvswarm.collect.run import collect
from csvswarm.errors import CsvswarmError, JobError
from csvswarm.job.directory import JobDirectory
from csvswarm.job.fingerprint import SOURCES, versions
from csvswarm.job.manifest import Manifest
from csvswarm.job.permissions import permissions_of
from csvswarm.job.round import plan_round
from csvswarm.process.run import process_all, process_one, run_chunk
from csvswarm.processor_api.loader import load_job_processor
from csvswarm.split.run import Request, split

GOOD = "id,x\n" + "".join(f"{number},{number % 7}\n" for number in range(300))
#: Bad records in chunks 2 and 3 of 4; the first one is record 151.
BAD = "id,x\n" + "".join(
    f"{number},{number % 7}\n" if number not in (150, 220) else f"{number},1,2\n" for number in range(300)
)
MESSAGE = "record 151"


def request(source: Path, on_error: str = "fail", chunks: int = 4, processor: str = "transform") -> Request:
    return Request(input=source, processor=processor, chunks=chunks, workers=1, on_error=on_error)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text(BAD)
    return path


@pytest.fixture
def fresh_message(source: Path, tmp_path: Path) -> str:
    """Return the message of a job that fails on bad records from the start."""
    job = JobDirectory(tmp_path / "fresh")
    split(job, request(source))
    with pytest.raises(CsvswarmError, match=MESSAGE) as raised:
        process_all(job, 1)
    return str(raised.value)


# -- from quarantine to fail and back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_resume_with_fail_equals_a_job_with_fail(
    source: Path, tmp_path: Path, fresh_message: str, workers: int
) -> None:
    job, output = JobDirectory(tmp_path / "job"), tmp_path / "out"
    split(job, request(source, "quarantine"), output)
    process_all(job, workers)

    split(job, request(source, "fail"), output)
    with pytest.raises(CsvswarmError) as raised:
        process_all(job, workers)
    assert str(raised.value) == fresh_message
    with pytest.raises(CsvswarmError) as raised:
        collect(job, output)
    assert str(raised.value) == fresh_message
    assert not output.exists()

    # Chunks without a bad record are kept, and the change can be reverted.
    assert {receipt.chunk for receipt in job.receipts() if receipt.status == "done"} == {1, 4}
    split(job, request(source, "quarantine"), output)
    process_all(job, workers)
    collected = collect(job, output)
    assert collected.rejected == 2
    once = JobDirectory(tmp_path / "once")
    split(once, request(source, "quarantine", chunks=1))
    process_all(once, 1)
    expected = collect(once, tmp_path / "expected")
    for name in ("result.csv", "rejected.csv"):
        assert (output / name).read_bytes() == (tmp_path / "expected" / name).read_bytes()
    assert expected.rejected == 2


def test_collection_rejects_partials_with_rejects_when_they_fail_the_job(source: Path, tmp_path: Path) -> None:
    job = JobDirectory(tmp_path / "job")
    split(job, request(source, "quarantine"))
    process_all(job, 1)
    split(job, request(source, "fail"))

    with pytest.raises(JobError, match=r"2 of 4 chunks have no partial \(first: chunk 2\)"):
        collect(job, tmp_path / "out")


def test_finished_job_resumed_with_fail_fails_and_keeps_its_result(
    source: Path, tmp_path: Path, fresh_message: str
) -> None:
    job, output = JobDirectory(tmp_path / "job"), tmp_path / "out"
    split(job, request(source, "quarantine"), output)
    process_all(job, 1)
    collect(job, output)
    before = {path.name: path.read_bytes() for path in output.iterdir()}

    split(job, request(source, "fail"), output)
    with pytest.raises(CsvswarmError) as raised:
        process_all(job, 1)
    assert str(raised.value) == fresh_message
    with pytest.raises(CsvswarmError):
        collect(job, output)
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before


def test_finished_job_without_bad_records_is_valid_with_either_mode(source: Path, tmp_path: Path) -> None:
    source.write_text(GOOD)
    job, output = JobDirectory(tmp_path / "job"), tmp_path / "out"
    split(job, request(source, "quarantine"), output)
    process_all(job, 1)
    first = collect(job, output)

    split(job, request(source, "fail"), output)
    assert process_all(job, 1).chunks_run == 0
    assert collect(job, output) == first


def test_late_attempt_adds_no_rejects(source: Path, tmp_path: Path, fresh_message: str) -> None:
    job = JobDirectory(tmp_path / "job")
    late = split(job, request(source, "quarantine"))
    split(job, request(source, "fail"))
    run_chunk(job, late, load_job_processor(job, late), 2, "late")  # it has read the manifest before the resume

    assert [receipt.rejected for receipt in job.receipts(2)] == [1]
    with pytest.raises(CsvswarmError) as raised:
        process_all(job, 1)
    assert str(raised.value) == fresh_message


def test_attempt_of_an_earlier_split_does_not_count(tmp_path: Path) -> None:
    source = tmp_path / "data.csv"
    source.write_text(GOOD)
    job, output = JobDirectory(tmp_path / "job"), tmp_path / "out"
    earlier = split(job, request(source, chunks=2), output)
    process_all(job, 1)
    collect(job, output)
    shutil.rmtree(output)
    now = split(job, request(source, chunks=5), output)
    run_chunk(job, earlier, load_job_processor(job, earlier), 2, "late")

    assert process_one(job, 2, None).attempt != "late"
    planned = plan_round(job, now)
    assert planned is not None
    assert planned.chunks == [1, 2, 3, 4, 5]
    process_all(job, 1)
    assert Path(collect(job, output).result).read_text() == GOOD


# -- versions ----------------------------------------------------------------------------------------------------------


def test_version_covers_all_sources() -> None:
    package = Path(csvswarm.__file__).parent

    assert package == SOURCES
    assert {"csv_format", "native", "partials"} <= {path.name for path in SOURCES.iterdir()}


def test_versions_are_those_of_the_imported_libraries() -> None:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    found = versions()
    assert {name: found[name] for name in ("numpy", "pandas", "pyarrow")} == {
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "pyarrow": pa.__version__,
    }
    assert found["Python"] == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize("name", ["csvswarm", "Python", "numpy", "pandas", "pyarrow"])
def test_job_of_other_versions_is_not_resumed(source: Path, tmp_path: Path, name: str) -> None:
    source.write_text(GOOD)
    job = JobDirectory(tmp_path / "job")
    split(job, request(source))
    process_one(job, 1, None)
    recorded = _with_version(job, name, "1.2.3")
    message = (
        f"job job was started with {name} 1.2.3 (now {versions()[name]}): partial results of different versions must "
        "not be mixed. Finish it with the versions it was started with, or leave out job_id to start a new job."
    )

    for attempt in (
        lambda: split(job, request(source)),
        lambda: process_all(job, 1),
        lambda: process_one(job, 2, None),
        lambda: collect(job, tmp_path / "out"),
    ):
        with pytest.raises(JobError) as raised:
            attempt()
        assert str(raised.value) == message

    job.save_manifest(recorded)
    process_all(job, 1)
    assert Path(collect(job, tmp_path / "out").result).read_text() == GOOD


def test_finished_job_is_valid_with_any_versions_and_reruns_without_its_result(source: Path, tmp_path: Path) -> None:
    source.write_text(GOOD)
    job, output = JobDirectory(tmp_path / "job"), tmp_path / "out"
    split(job, request(source), output)
    process_all(job, 1)
    first = collect(job, output)
    _with_version(job, "pandas", "1.2.3")

    split(job, request(source), output)
    assert process_all(job, 1).chunks_run == 0
    assert collect(job, output) == first

    (output / "result.csv").unlink()
    assert split(job, request(source), output).versions == versions()
    process_all(job, 1)
    assert Path(collect(job, output).result).read_text() == GOOD
    assert json.loads((output / "job.json").read_text())["versions"] == versions()


def _with_version(job: JobDirectory, name: str, version: str) -> Manifest:
    """Change a version in the manifest; return the original manifest."""
    path = job.directory / "manifest.json"
    recorded = job.require_manifest()
    data = json.loads(path.read_text())
    data["versions"][name] = version
    path.write_text(json.dumps(data))
    return recorded


# -- permissions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("input_mode", "umask", "mode"),
    [
        (0o600, 0o022, 0o600),
        (0o640, 0o022, 0o640),
        (0o604, 0o022, 0o604),
        (0o644, 0o022, 0o644),
        (0o666, 0o022, 0o644),
        (0o644, 0o077, 0o600),
        (0o444, 0o002, 0o644),
    ],
)
@pytest.mark.parametrize("processor", ["transform", "statistics"])
def test_result_is_no_more_readable_than_the_input(
    source: Path, tmp_path: Path, input_mode: int, umask: int, mode: int, processor: str
) -> None:
    source.chmod(input_mode)
    job, output = JobDirectory(tmp_path / "jobs" / "job"), tmp_path / "results" / "out"
    before = os.umask(umask)
    try:
        split(job, request(source, "quarantine", processor=processor), output)
        process_all(job, 2)
        collect(job, output)
        assert os.umask(umask) == umask  # it is unchanged
    finally:
        os.umask(before)

    assert {path.name: oct(permissions_of(path)) for path in output.iterdir()} == {
        name: oct(mode) for name in ("result.csv", "rejected.csv", "job.json", "_SUCCESS")
    }
    assert permissions_of(job.directory) == 0o700 & ~umask
    for path in [job.directory, *job.directory.rglob("*")]:
        assert not permissions_of(path) & 0o077 & ~(mode | (mode & 0o044) >> 2), path
    assert permissions_of(job.directory.parent) == 0o777 & ~umask  # with other jobs beside it


def test_a_job_records_plain_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data.csv").write_text("a\n1\n")
    (tmp_path / "mine.py").write_text("def process(block, context):\n    return block\n")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    manifest = split(
        JobDirectory(tmp_path / "job"), Request(input=Path("..//data.csv"), processor=".././mine.py", workers=1)
    )

    assert manifest.input["path"] == str(tmp_path / "data.csv")
    assert manifest.processor["source"] == str(tmp_path / "mine.py")

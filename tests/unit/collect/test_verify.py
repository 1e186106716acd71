"""Input and result of a finished job are compared with its record."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from csvswarm.collect.verify import verify
from csvswarm.errors import JobError

from tests.support.jobs import run_in_process, write_csv

OUTPUT = "job-3-64-out"


@pytest.fixture(params=["data.csv", "data.csv.gz", "latin.csv"])
def source(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The input of a finished job of three chunks, plain, compressed or in another encoding."""
    path = tmp_path / str(request.param)
    text = write_csv(tmp_path / "plain.csv", ["a", "b"], [[n, "é"] for n in range(60)]).read_text()
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_bytes(text.encode(encoding_of(path)))
    run_in_process(tmp_path, path, chunks=3, block_bytes=64, encoding=encoding_of(path))
    return path


def encoding_of(path: Path) -> str:
    return "latin-1" if path.name == "latin.csv" else "utf-8"


def rewrite(path: Path, change: Any) -> None:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()))))
    else:
        path.write_bytes(change(path.read_bytes()))


@pytest.mark.usefixtures("source")
def test_verification_uses_the_recorded_processor(tmp_path: Path) -> None:
    found = verify(tmp_path / OUTPUT)

    assert (found["files"], found["read"]) == (["result.csv"], True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.replace(b"a,b", b"a,c"), "its header (bytes 0 to 4) are not those that ran"),
        (lambda data: data.replace(b"\n59,", b"\n58,"), "has changed: records "),
        (lambda data: data + b"60,x\n", "has grown: the job read"),
        (lambda data: data[:-9], "has changed: records "),
    ],
)
def test_changed_input_is_found(source: Path, tmp_path: Path, change: Any, message: str) -> None:
    rewrite(source, change)

    with pytest.raises(JobError, match="differs from its record") as error:
        verify(tmp_path / OUTPUT)

    assert f"{source} has" in str(error.value)
    assert message in str(error.value)


def test_removed_input_is_not_read(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "data.csv", ["a"], [[1]] * 9)
    run_in_process(tmp_path, path, chunks=3, block_bytes=64)
    path.unlink()

    assert verify(tmp_path / OUTPUT)["read"] is False


@pytest.mark.parametrize("name", ["result.csv", "job.json", "_SUCCESS"])
def test_changed_result_is_found(tmp_path: Path, name: str) -> None:
    run_in_process(tmp_path, write_csv(tmp_path / "data.csv", ["a"], [[1]] * 9), chunks=3, block_bytes=64)
    path = tmp_path / OUTPUT / name
    path.write_bytes(path.read_bytes()[:-2])

    with pytest.raises(JobError, match=name):
        verify(tmp_path / OUTPUT)


def test_record_of_an_older_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(json.dumps({"format": 2, "status": "done"}))

    with pytest.raises(JobError, match="has format 2, which lacks the checksum of the input"):
        verify(tmp_path)


def test_rest_of_the_input_of_a_job_with_a_limit_does_not_count(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "data.csv", ["a"], [[n] for n in range(60)])
    run_in_process(tmp_path, path, chunks=3, block_bytes=64, limit=20)

    assert verify(tmp_path / OUTPUT)["read"]

    path.write_text(path.read_text().replace("19\n", "91\n", 1))
    with pytest.raises(JobError, match="has changed: records "):
        verify(tmp_path / OUTPUT)

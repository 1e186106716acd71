"""Delivery on the control node: fetched files are verified, and nothing is lost if they are incomplete."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from csvswarm.collect.deliver import deliver_result
from csvswarm.errors import JobError
from csvswarm.job.directory import SUCCESS, JobDirectory

from tests.support.jobs import run_in_process

DATA = "a,b\n" + "".join(f"{n},{n % 7}\n" for n in range(200))


@dataclass(frozen=True)
class Delivery:
    """A result collected on another machine and fetched to this one, and its output directory."""

    job: JobDirectory
    fetched: Path
    output: Path

    def deliver(self) -> bool:
        return deliver_result(self.job, self.fetched, self.output)

    def delivered(self) -> dict[str, bytes]:
        """Return the names of all files in the output, including hidden ones."""
        return {path.name: path.read_bytes() for path in self.output.glob("*")} if self.output.exists() else {}


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return fetched(tmp_path, DATA)


def fetched(directory: Path, text: str, **request: Any) -> Delivery:
    directory.mkdir(exist_ok=True)
    source = directory / "data.csv"
    source.write_text(text)
    run_in_process(directory, source, **request)
    job = JobDirectory(directory / "job-1-1048576")
    made = (directory / "job-1-1048576-out").rename(directory / "fetched")
    return Delivery(job, made, directory / "results" / "it")


def copy(delivery: Delivery) -> None:
    """Refetch the result."""
    shutil.copytree(delivery.output, delivery.fetched)


def test_deliver_moves_files_and_marker(delivery: Delivery) -> None:
    sent = {path.name: path.read_bytes() for path in delivery.fetched.iterdir()}

    assert delivery.deliver() is True

    assert delivery.delivered() == sent
    assert sent.keys() == {"result.csv", "job.json", SUCCESS}
    assert not delivery.fetched.exists()


def test_deliver_is_idempotent(delivery: Delivery) -> None:
    delivery.deliver()
    copy(delivery)
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in delivery.output.iterdir()}

    assert delivery.deliver() is False

    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in delivery.output.iterdir()} == before
    assert not delivery.fetched.exists()


@pytest.mark.parametrize("damage", ["cut off", "a bit", "gone"])
def test_damaged_result_is_not_delivered(delivery: Delivery, damage: str) -> None:
    path = delivery.fetched / "result.csv"
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[:-1] if damage == "cut off" else bytes([whole[0] ^ 1]) + whole[1:])

    with pytest.raises(JobError, match=f"was damaged in transfer: rerun with job_id={delivery.job.job_id}"):
        delivery.deliver()

    assert delivery.delivered() == {}
    # The fetched files stay, so that only damaged ones are refetched.
    assert (delivery.fetched / SUCCESS).exists()


@pytest.mark.parametrize("lack", ["missing", "of another job"])
def test_result_without_a_marker_is_not_delivered(delivery: Delivery, lack: str) -> None:
    marker = delivery.fetched / SUCCESS
    if lack == "missing":
        marker.unlink()
    else:
        marker.write_text(json.dumps(json.loads(marker.read_text()) | {"job_id": "other"}))

    with pytest.raises(JobError, match=f"contains no complete result of job {delivery.job.job_id}: rerun"):
        delivery.deliver()

    assert delivery.delivered() == {}


def test_result_of_another_job_is_not_replaced(delivery: Delivery) -> None:
    delivery.output.mkdir(parents=True)
    (delivery.output / "result.csv").write_text("theirs\n")
    (delivery.output / "job.json").write_text('{"job_id": "theirs"}')
    before = delivery.delivered()

    with pytest.raises(JobError, match=re.escape(f"{delivery.output} already contains the result of job theirs")):
        delivery.deliver()

    assert delivery.delivered() == before


def test_unknown_files_are_not_replaced(delivery: Delivery) -> None:
    delivery.output.mkdir(parents=True)
    (delivery.output / "result.csv").write_text("mine\n")

    with pytest.raises(JobError, match=r"already contains a result\.csv of something else"):
        delivery.deliver()

    assert delivery.delivered() == {"result.csv": b"mine\n"}


def test_changed_result_is_redelivered(delivery: Delivery) -> None:
    delivery.deliver()
    copy(delivery)
    whole = delivery.delivered()
    with (delivery.output / "result.csv").open("a") as file:
        file.write("a line too many\n")

    assert delivery.deliver() is True
    assert delivery.delivered() == whole


def test_marker_is_written_last(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery.deliver()
    copy(delivery)
    (delivery.output / "result.csv").unlink()
    copied: list[str] = []
    usual = os.link

    def cut_off(source: Path, target: Path) -> None:
        copied.append(source.name)
        if source.name == "job.json":
            raise OSError("the disk is full")
        usual(source, target)

    monkeypatch.setattr("os.link", cut_off)
    monkeypatch.setattr("csvswarm.collect.deliver.temporary_file", cut_off)
    with pytest.raises(OSError, match="full"):
        delivery.deliver()

    assert copied == ["result.csv", "job.json", "job.json"]
    # The previous marker is gone as well: it names a file that is missing.
    assert delivery.delivered().keys() == {"job.json", "result.csv"}
    assert json.loads(delivery.delivered()["job.json"])["status"] == "collecting"

    monkeypatch.undo()
    assert delivery.deliver() is True
    assert delivery.delivered().keys() == {"result.csv", "job.json", SUCCESS}


def test_rejected_csv_is_delivered_and_removed_when_empty(tmp_path: Path) -> None:
    bad = fetched(tmp_path / "bad", DATA + "x,y,z\n", on_error="quarantine")
    assert (bad.fetched / "rejected.csv").exists()

    bad.deliver()
    assert bad.delivered().keys() == {"result.csv", "rejected.csv", "job.json", SUCCESS}

    # A rerun of the same job on better data quarantines nothing, so the old rejected.csv must go.
    good = fetched(tmp_path / "good", DATA)
    (bad.output / "result.csv").unlink()
    Delivery(bad.job, good.fetched, bad.output).deliver()
    assert bad.delivered().keys() == {"result.csv", "job.json", SUCCESS}


@pytest.mark.parametrize("damage", ["emptied", "gone", "a byte"])
@pytest.mark.parametrize("name", ["rejected.csv", "job.json"])
def test_damaged_side_file_is_not_delivered(tmp_path: Path, name: str, damage: str) -> None:
    delivery = fetched(tmp_path, DATA + "x,y,z\n", on_error="quarantine")
    path = delivery.fetched / name
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if damage == "emptied" else bytes([whole[0] ^ 1]) + whole[1:])

    with pytest.raises(JobError, match=f"{name} was damaged in transfer: rerun with job_id="):
        delivery.deliver()

    assert delivery.delivered() == {}
    path.write_bytes(whole)
    assert delivery.deliver() is True
    assert delivery.delivered()[name] == whole


@pytest.mark.parametrize("name", ["rejected.csv", "result.csv"])
def test_missing_file_is_redelivered(tmp_path: Path, name: str) -> None:
    delivery = fetched(tmp_path, DATA + "x,y,z\n", on_error="quarantine")
    delivery.deliver()
    whole = delivery.delivered()
    copy(delivery)
    (delivery.output / name).unlink()

    assert delivery.deliver() is True
    assert delivery.delivered() == whole


@pytest.mark.parametrize("name", ["rejected.csv", "_SUCCESS"])
def test_user_file_with_a_reserved_name_is_not_replaced(delivery: Delivery, name: str) -> None:
    delivery.output.mkdir(parents=True)
    (delivery.output / name).write_text("mine\n")

    with pytest.raises(JobError, match=f"already contains a {name} of something else"):
        delivery.deliver()

    assert delivery.delivered() == {name: b"mine\n"}


@pytest.mark.parametrize(("input_mode", "mode"), [(0o600, 0o600), (0o640, 0o640), (0o644, 0o644), (0o666, 0o644)])
def test_delivered_files_are_no_more_readable_than_the_input(delivery: Delivery, input_mode: int, mode: int) -> None:
    before = os.umask(0o022)
    try:
        deliver_result(delivery.job, delivery.fetched, delivery.output, input_mode)
    finally:
        os.umask(before)

    assert {stat.S_IMODE(path.stat().st_mode) for path in delivery.output.iterdir()} == {mode}


def test_without_the_input_the_result_is_private(delivery: Delivery) -> None:
    delivery.deliver()

    assert {stat.S_IMODE(path.stat().st_mode) for path in delivery.output.iterdir()} == {0o600}

"""The last step on the control node: what was fetched is checked, and nothing is lost when it is not whole."""

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
from csvswarm.job.directory import SUCCESS, Job

from tests.support.jobs import run_here

DATA = "a,b\n" + "".join(f"{n},{n % 7}\n" for n in range(200))


@dataclass(frozen=True)
class Landing:
    """A result that was collected elsewhere and fetched to this machine, and where it belongs."""

    job: Job
    fetched: Path
    output: Path

    def land(self) -> bool:
        return deliver_result(self.job, self.fetched, self.output)

    def there(self) -> dict[str, bytes]:
        """Every file in the output, hidden ones as well."""
        return {path.name: path.read_bytes() for path in self.output.glob("*")} if self.output.exists() else {}


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return fetched(tmp_path, DATA)


def fetched(directory: Path, text: str, **request: Any) -> Landing:
    directory.mkdir(exist_ok=True)
    source = directory / "data.csv"
    source.write_text(text)
    run_here(directory, source, **request)
    job = Job(directory / "job-1-1048576")
    made = (directory / "job-1-1048576-out").rename(directory / "fetched")
    return Landing(job, made, directory / "results" / "it")


def copy(landing: Landing) -> None:
    """Fetch once more."""
    shutil.copytree(landing.output, landing.fetched)


def test_deliver_moves_files_and_marker(landing: Landing) -> None:
    sent = {path.name: path.read_bytes() for path in landing.fetched.iterdir()}

    assert landing.land() is True

    assert landing.there() == sent
    assert sent.keys() == {"result.csv", "job.json", SUCCESS}
    assert not landing.fetched.exists()


def test_deliver_is_idempotent(landing: Landing) -> None:
    landing.land()
    copy(landing)
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in landing.output.iterdir()}

    assert landing.land() is False

    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in landing.output.iterdir()} == before
    assert not landing.fetched.exists()


@pytest.mark.parametrize("damage", ["cut off", "a bit", "gone"])
def test_damaged_result_is_not_delivered(landing: Landing, damage: str) -> None:
    path = landing.fetched / "result.csv"
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[:-1] if damage == "cut off" else bytes([whole[0] ^ 1]) + whole[1:])

    with pytest.raises(JobError, match=f"was damaged on its way here: run again with job_id={landing.job.job_id}"):
        landing.land()

    assert landing.there() == {}
    # What was fetched stays, so that it need not be fetched again as a whole.
    assert (landing.fetched / SUCCESS).exists()


@pytest.mark.parametrize("lack", ["missing", "of another job"])
def test_result_without_a_marker_is_not_delivered(landing: Landing, lack: str) -> None:
    marker = landing.fetched / SUCCESS
    if lack == "missing":
        marker.unlink()
    else:
        marker.write_text(json.dumps(json.loads(marker.read_text()) | {"job_id": "other"}))

    with pytest.raises(JobError, match=f"holds no complete result of job {landing.job.job_id}: run again"):
        landing.land()

    assert landing.there() == {}


def test_result_of_another_job_is_not_replaced(landing: Landing) -> None:
    landing.output.mkdir(parents=True)
    (landing.output / "result.csv").write_text("theirs\n")
    (landing.output / "job.json").write_text('{"job_id": "theirs"}')
    before = landing.there()

    with pytest.raises(JobError, match=re.escape(f"{landing.output} already holds the result of job theirs")):
        landing.land()

    assert landing.there() == before


def test_unknown_files_are_not_replaced(landing: Landing) -> None:
    landing.output.mkdir(parents=True)
    (landing.output / "result.csv").write_text("mine\n")

    with pytest.raises(JobError, match=r"already holds a result\.csv of something else"):
        landing.land()

    assert landing.there() == {"result.csv": b"mine\n"}


def test_changed_result_is_delivered_again(landing: Landing) -> None:
    landing.land()
    copy(landing)
    whole = landing.there()
    with (landing.output / "result.csv").open("a") as file:
        file.write("a line too many\n")

    assert landing.land() is True
    assert landing.there() == whole


def test_marker_is_written_last(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    landing.land()
    copy(landing)
    (landing.output / "result.csv").unlink()
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
        landing.land()

    assert copied == ["result.csv", "job.json", "job.json"]
    # The marker of the time before is gone as well: it spoke of a file that was not there.
    assert landing.there().keys() == {"job.json", "result.csv"}
    assert json.loads(landing.there()["job.json"])["status"] == "collecting"

    monkeypatch.undo()
    assert landing.land() is True
    assert landing.there().keys() == {"result.csv", "job.json", SUCCESS}


def test_rejected_csv_is_delivered_and_removed_when_empty(tmp_path: Path) -> None:
    bad = fetched(tmp_path / "bad", DATA + "x,y,z\n", on_error="quarantine")
    assert (bad.fetched / "rejected.csv").exists()

    bad.land()
    assert bad.there().keys() == {"result.csv", "rejected.csv", "job.json", SUCCESS}

    # The same job, run once more on better data, sets none aside: those of before are not its own.
    good = fetched(tmp_path / "good", DATA)
    (bad.output / "result.csv").unlink()
    Landing(bad.job, good.fetched, bad.output).land()
    assert bad.there().keys() == {"result.csv", "job.json", SUCCESS}


@pytest.mark.parametrize("damage", ["emptied", "gone", "a byte"])
@pytest.mark.parametrize("name", ["rejected.csv", "job.json"])
def test_damaged_side_file_is_not_delivered(tmp_path: Path, name: str, damage: str) -> None:
    landing = fetched(tmp_path, DATA + "x,y,z\n", on_error="quarantine")
    path = landing.fetched / name
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if damage == "emptied" else bytes([whole[0] ^ 1]) + whole[1:])

    with pytest.raises(JobError, match=f"{name} was damaged on its way here: run again with job_id="):
        landing.land()

    assert landing.there() == {}
    path.write_bytes(whole)
    assert landing.land() is True
    assert landing.there()[name] == whole


@pytest.mark.parametrize("name", ["rejected.csv", "result.csv"])
def test_missing_file_is_delivered_again(tmp_path: Path, name: str) -> None:
    landing = fetched(tmp_path, DATA + "x,y,z\n", on_error="quarantine")
    landing.land()
    whole = landing.there()
    copy(landing)
    (landing.output / name).unlink()

    assert landing.land() is True
    assert landing.there() == whole


@pytest.mark.parametrize("name", ["rejected.csv", "_SUCCESS"])
def test_user_file_with_a_reserved_name_is_not_replaced(landing: Landing, name: str) -> None:
    landing.output.mkdir(parents=True)
    (landing.output / name).write_text("mine\n")

    with pytest.raises(JobError, match=f"already holds a {name} of something else"):
        landing.land()

    assert landing.there() == {name: b"mine\n"}


@pytest.mark.parametrize(("input_mode", "mode"), [(0o600, 0o600), (0o640, 0o640), (0o644, 0o644), (0o666, 0o644)])
def test_delivered_files_are_no_more_readable_than_the_input(landing: Landing, input_mode: int, mode: int) -> None:
    before = os.umask(0o022)
    try:
        deliver_result(landing.job, landing.fetched, landing.output, input_mode)
    finally:
        os.umask(before)

    assert {stat.S_IMODE(path.stat().st_mode) for path in landing.output.iterdir()} == {mode}


def test_without_the_input_the_result_is_private(landing: Landing) -> None:
    landing.land()

    assert {stat.S_IMODE(path.stat().st_mode) for path in landing.output.iterdir()} == {0o600}

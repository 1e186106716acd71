"""Job directories that a malicious processor may have written to: playbooks/jobs.yml reads and removes them safely."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processing_job.job_listing import MANIFEST, listed, make_fifo, names, perform, show
from tests.processing_job.plugin_loader import files, job_summary, jobs

# Nothing here may block on a hostile file.
pytestmark = pytest.mark.timeout(60)


def make_socket(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as bound:  # a socket's path is short
        bound.bind(path.name)


def link_to_zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def make_folder(path: Path) -> None:
    path.mkdir()


def ten_gigabytes(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10_000_000_000)


def json_too_deep(path: Path) -> None:
    path.write_text('{"chunks": ' + "[" * 10_000 + "]" * 10_000 + "}")


def json_100_levels_deep(path: Path) -> None:
    path.write_text('{"chunks": ' + "[" * 100 + "]" * 100 + "}")


def million_lists(path: Path) -> None:
    path.write_text('{"chunks": [' + "[]," * 700_000 + "[]]}")


def infinite_number(path: Path) -> None:
    path.write_text('{"chunks": [1e999]}')


def nan(path: Path) -> None:
    path.write_text('{"chunks": [NaN]}')


def ten_thousand_digits(path: Path) -> None:
    path.write_text('{"chunks": [' + "7" * 10_000 + "]}")


def lone_surrogate(path: Path) -> None:
    path.write_text('{"chunk": 1, "status": "error", "message": "\\udcff"}')


def invalid_utf8(path: Path) -> None:
    path.write_bytes(b'{"chunks": "\xff"}')


def json_list(path: Path) -> None:
    path.write_text("[]")


HOSTILE: list[tuple[Callable[[Path], None], str]] = [
    (make_fifo, "is not a regular file"),
    (make_socket, "is not a regular file"),
    (make_folder, "is not a regular file"),
    (link_to_zeros, "is a symbolic link"),
    (link_to_itself, "is a symbolic link"),
    (ten_gigabytes, "000 bytes"),
    (json_too_deep, "has more than 64 levels"),
    (json_100_levels_deep, "is not a JSON object of at most 64 levels"),
    (million_lists, "has more than 1,000,000 values"),
    (infinite_number, "is not JSON (1e999 is too large)"),
    (nan, "is not JSON (NaN is not a JSON number)"),
    (ten_thousand_digits, "is not JSON"),
    (lone_surrogate, "is not JSON"),
    (invalid_utf8, "is not JSON"),
    (json_list, "is not a JSON object"),
]


@pytest.mark.parametrize("path", ["manifest.json", "done.json", "receipts/000001-0001.json"])
@pytest.mark.parametrize(("make", "damage"), HOSTILE, ids=[make.__name__ for make, _ in HOSTILE])
def test_hostile_file_is_reported_and_hides_no_other_job(
    share: Path, make: Callable[[Path], None], damage: str, path: str
) -> None:
    make(share / "jobs/one" / path)

    found = listed(share)
    assert (found["one"]["state"], found["two"]["state"]) == ("damaged", "not split")
    assert found["one"]["damage"].startswith(Path(path).name)
    assert damage in found["one"]["damage"]
    # It can still be removed, and its removal follows nothing.
    assert perform(share, "remove", "one")["jobs"][0]["job"] == "one"
    assert sorted(listed(share)) == ["two"]


@pytest.mark.parametrize("name", ["receipts", "logs"])
@pytest.mark.parametrize("make", [make_fifo, link_to_zeros, link_to_itself])
def test_hostile_folder_is_reported(share: Path, make: Callable[[Path], None], name: str) -> None:
    (share / "jobs/one/receipts").rmdir()
    make(share / "jobs/one" / name)

    job = show(share, "one")
    assert job["state"] == "damaged"
    assert job["damage"] == f"{name} " + ("is not a directory" if make is make_fifo else "is a symbolic link")


def test_symlink_in_place_of_a_job_is_reported_and_only_the_link_is_removed(share: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "manifest.json").write_text(json.dumps(MANIFEST))
    (share / "jobs/three").symlink_to(other)
    (share / "jobs/a file").write_text("no job")

    assert sorted(listed(share)) == ["one", "three", "two"]
    assert listed(share)["three"]["damage"] == "three is a symbolic link"
    perform(share, "remove", "three")
    assert sorted(listed(share)) == ["one", "two"]
    assert (other / "manifest.json").exists()


def test_symlink_in_place_of_the_jobs_folder_is_refused_on_a_share(share: Path, tmp_path: Path) -> None:
    (share / "jobs").rename(tmp_path / "moved")
    (share / "jobs").symlink_to(tmp_path / "moved")

    with pytest.raises(files.Damaged, match="jobs is a symbolic link"):
        perform(share)
    # A user may have moved the jobs of this machine to another disk.
    assert len(perform(share, owner=None)["jobs"]) == 2


def test_number_of_directory_entries_is_limited(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_summary, "FILES", 20)
    for number in range(21):
        (share / f"jobs/one/{number}").touch()
    assert listed(share)["one"]["damage"] == "a directory has more than 20 entries"
    assert listed(share)["two"]["state"] == "not split"

    monkeypatch.setattr(jobs, "JOBS", 1)
    with pytest.raises(files.Damaged, match="a directory has more than 1 entries"):
        perform(share)


def test_bytes_read_are_limited(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "one", "two":
        (share / f"jobs/{name}/manifest.json").write_text(json.dumps(MANIFEST))
    size = (share / "jobs/one/manifest.json").stat().st_size
    monkeypatch.setattr(jobs, "JOB_BYTES", size + 50)
    receipt = {"chunk": 1, "status": "done", "message": ""}
    for number in range(1, 3):
        (share / f"jobs/one/receipts/{number:06d}-0001.json").write_text(json.dumps(receipt))
    assert listed(share)["one"]["damage"] == "its files are larger than those of any job"
    assert listed(share)["two"]["state"] == "unfinished"

    monkeypatch.setattr(jobs, "ALL_BYTES", size + 60)
    assert listed(share)["two"]["damage"].endswith("Show it alone: -e action=show -e job_id=two")
    assert show(share, "two")["state"] == "unfinished"


def test_removal_follows_no_symlink_and_removes_every_directory(share: Path, tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    keep.mkdir()
    (keep / "file").write_text("of somebody else")
    job = share / "jobs/one"
    (job / "a link").symlink_to(keep)
    (job / "receipts/a link").symlink_to(keep / "file")
    make_fifo(job / "fifo")
    for name in "closed", "closed/inside", "closed/inside/more":
        (job / name).mkdir()
    for name in "closed/inside/more", "closed/inside", "closed":
        (job / name).chmod(0)
    for number in range(2500):
        (job / f"receipts/{number}").touch()

    perform(share, "remove", "one")

    assert names(share / "jobs") == ["two"]
    assert (keep / "file").read_text() == "of somebody else"


def test_removal_works_at_any_depth(share: Path) -> None:
    with files.open_directory(str(share / "jobs/one")) as top:
        at = os.dup(top)
        for _ in range(3000):
            os.mkdir("d", dir_fd=at)
            below = os.open("d", os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = below
        os.close(at)

    perform(share, "remove", "one")

    assert names(share / "jobs") == ["two"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as the owner of a share")
def test_root_removes_files_as_the_owner_of_the_share(share: Path) -> None:
    """If a name led out of the job during the removal, root's rights would apply there."""
    (share / "roots").mkdir(mode=0o755)
    (share / "roots/file").touch()
    (share / "roots").rename(share / "jobs/one/roots")
    os.chown(share / "jobs/one", 8765, 8765)

    with pytest.raises(PermissionError):
        perform(share, "remove", "one", owner=8765)
    assert (share / "jobs/one/roots/file").exists()
    assert os.geteuid() == 0

    os.chown(share / "jobs/one/roots", 8765, 8765)
    perform(share, "remove", "one", owner=8765)
    assert not (share / "jobs/one").exists()

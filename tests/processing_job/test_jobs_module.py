"""What playbooks/jobs.yml learns from job directories, whose processors may have written anything into them."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.processing_job.plugin_loader import about as about_module
from tests.processing_job.plugin_loader import files, jobs
from tests.support.jobs import ROOT

WISH = {"input": "/home/me/data.csv", "processor": "transform"}
MANIFEST = {"chunks": [{"rows": 3}, {"rows": 4}], "input": {"path": "/data.csv"}, "processor": {"name": "transform"}}
# Nothing here may wait for what never comes.
pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def share(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / "jobs" / name / "receipts").mkdir(parents=True)
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests/one.json").write_text(json.dumps(WISH))
    return tmp_path


def ask(share: Path, action: str = "list", job: str = "", days: float = 7, owner: int | None = -1) -> dict[str, Any]:
    """Run the module as Ansible does. owner: by default this process, since an unprivileged test has no choice."""
    with files.folder(str(share)) as place:
        held = jobs.Jobs(place, os.geteuid() if owner == -1 else owner)
        answer: dict[str, Any] = jobs.answered(held, action, job, days)
    assert json.loads(json.dumps(answer)) == answer
    json.dumps(answer, ensure_ascii=False).encode()  # Ansible refuses half of a character
    return answer


def listed(share: Path) -> dict[str, dict[str, Any]]:
    return {job["job"]: job for job in ask(share)["jobs"]}


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def show(share: Path, name: str, owner: int | None = -1) -> dict[str, Any]:
    [job] = ask(share, "show", name, owner=owner)["jobs"]
    return dict(job)


def test_the_request_of_a_job_is_not_what_its_directory_says(share: Path) -> None:
    forged = MANIFEST | {"input": {"path": "/root/.ssh/id_ed25519"}}
    (share / "jobs/one/manifest.json").write_text(json.dumps(forged))
    (share / "jobs/two/manifest.json").write_text(json.dumps(forged))

    assert (show(share, "one")["request"], show(share, "one")["manifest"]) == (WISH, {})
    assert (show(share, "two")["request"], show(share, "two")["manifest"]) == ({}, {})


def test_a_request_that_is_not_roots_own_does_not_count(share: Path) -> None:
    (share / "mine.json").write_text(json.dumps(WISH))
    (share / "requests/one.json").unlink()
    (share / "requests/one.json").symlink_to(share / "mine.json")
    assert show(share, "one")["request"] == {}

    if os.geteuid() == 0:
        (share / "requests/one.json").unlink()
        (share / "requests/one.json").write_text(json.dumps(WISH))
        os.chown(share / "requests/one.json", 8765, 8765)
        assert show(share, "one")["request"] == {}


def test_a_job_of_this_machine_remembers_its_request_itself(share: Path) -> None:
    manifest = MANIFEST | {"request": {"options": {"columns": ["a"]}}, "output": "/out", "files": [{"name": "x"}]}
    manifest["packages"] = {"source": "p.txt"}
    (share / "jobs/one/manifest.json").write_text(json.dumps(manifest))

    job = show(share, "one", owner=None)
    wanted = ("input", "processor", "request", "output", "files", "packages")
    assert (job["request"], job["manifest"]) == ({}, {name: manifest[name] for name in wanted})
    assert job["options"] == '{"columns": ["a"]}'


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("manifest.json", '{"chunks": 7}'),
        ("manifest.json", '{"chunks": [1]}'),
        ("manifest.json", '{"chunks": {"rows": 1}}'),
        ("receipts/000001-0001.json", '{"chunk": 1}'),
        ("receipts/000001-0001.json", '{"chunk": [], "status": "done"}'),
        ("receipts/000001-0001.json", '{"chunk": 1, "status": "error"}'),
        ("receipts/000001-0001.json", '{"chunk": 1, "status": "done", "message": 7}'),
        ("manifest.json", '{"chunks": [{"rows": -1}]}'),
        ("manifest.json", '{"chunks": [{"rows": true}]}'),
        ("manifest.json", '{"chunks": [{"rows": 9223372036854775808}]}'),
        ("manifest.json", '{"chunks": [], "input": "x"}'),
        ("manifest.json", '{"chunks": [], "input": {"path": 7}}'),
    ],
)
def test_a_garbled_job_does_not_hide_the_others(share: Path, path: str, text: str) -> None:
    (share / "jobs/one" / path).write_text(text)

    found = listed(share)
    assert (found["one"]["state"], found["two"]["state"]) == ("damaged", "not split")
    assert found["one"]["damage"].endswith("is not what csvswarm writes")


# -- hostile files -----------------------------------------------------------------------------------------------------


def test_a_job_that_runs_on_this_machine_is_not_removed(share: Path) -> None:
    holds = f"""
import sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
from pathlib import Path
from csvswarm.job.lock import locked
with locked(Path({str(share / "jobs/one")!r}), "job one"):
    print("holds", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"holds\n"
        with pytest.raises(files.Damaged, match="job one is running"):
            ask(share, "remove", "one", owner=None)
        assert (share / "jobs/one").exists()

    ask(share, "remove", "one", owner=None)
    assert not (share / "jobs/one").exists()


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as bound:  # a socket's path is short
        bound.bind(path.name)


def a_link_to_zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def a_folder(path: Path) -> None:
    path.mkdir()


def ten_gigabytes(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10_000_000_000)


def deep(path: Path) -> None:
    path.write_text('{"chunks": ' + "[" * 10_000 + "]" * 10_000 + "}")


def deep_enough_to_be_read(path: Path) -> None:
    path.write_text('{"chunks": ' + "[" * 100 + "]" * 100 + "}")


def a_million_lists(path: Path) -> None:
    path.write_text('{"chunks": [' + "[]," * 700_000 + "[]]}")


def infinite(path: Path) -> None:
    path.write_text('{"chunks": [1e999]}')


def no_number(path: Path) -> None:
    path.write_text('{"chunks": [NaN]}')


def ten_thousand_digits(path: Path) -> None:
    path.write_text('{"chunks": [' + "7" * 10_000 + "]}")


def half_a_character(path: Path) -> None:
    path.write_text('{"chunk": 1, "status": "error", "message": "\\udcff"}')


def no_text(path: Path) -> None:
    path.write_bytes(b'{"chunks": "\xff"}')


def a_list(path: Path) -> None:
    path.write_text("[]")


HOSTILE: list[tuple[Callable[[Path], None], str]] = [
    (a_fifo, "is not a regular file"),
    (a_socket, "is not a regular file"),
    (a_folder, "is not a regular file"),
    (a_link_to_zeros, "is a symbolic link"),
    (a_link_to_itself, "is a symbolic link"),
    (ten_gigabytes, "000 bytes"),
    (deep, "has more than 64 levels"),
    (deep_enough_to_be_read, "is not a JSON object of at most 64 levels"),
    (a_million_lists, "has more than 1,000,000 values"),
    (infinite, "is not JSON (1e999 is too large)"),
    (no_number, "is not JSON (NaN is no number of JSON)"),
    (ten_thousand_digits, "is not JSON"),
    (half_a_character, "is not JSON"),
    (no_text, "is not JSON"),
    (a_list, "is not a JSON object"),
]


@pytest.mark.parametrize("path", ["manifest.json", "done.json", "receipts/000001-0001.json"])
@pytest.mark.parametrize(("make", "damage"), HOSTILE, ids=[make.__name__ for make, _ in HOSTILE])
def test_what_stands_in_place_of_a_file_is_named_and_hides_no_other_job(
    share: Path, make: Callable[[Path], None], damage: str, path: str
) -> None:
    make(share / "jobs/one" / path)

    found = listed(share)
    assert (found["one"]["state"], found["two"]["state"]) == ("damaged", "not split")
    assert found["one"]["damage"].startswith(Path(path).name)
    assert damage in found["one"]["damage"]
    # It can still be removed, and its removal follows nothing.
    assert ask(share, "remove", "one")["jobs"][0]["job"] == "one"
    assert sorted(listed(share)) == ["two"]


@pytest.mark.parametrize("name", ["receipts", "logs"])
@pytest.mark.parametrize("make", [a_fifo, a_link_to_zeros, a_link_to_itself])
def test_what_stands_in_place_of_a_folder_is_named(share: Path, make: Callable[[Path], None], name: str) -> None:
    (share / "jobs/one/receipts").rmdir()
    make(share / "jobs/one" / name)

    job = show(share, "one")
    assert job["state"] == "damaged"
    assert job["damage"] == f"{name} " + ("is not a directory" if make is a_fifo else "is a symbolic link")


def test_a_link_in_place_of_a_job_is_named_and_removed_and_nothing_else(share: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "manifest.json").write_text(json.dumps(MANIFEST))
    (share / "jobs/three").symlink_to(other)
    (share / "jobs/a file").write_text("no job")

    assert sorted(listed(share)) == ["one", "three", "two"]
    assert listed(share)["three"]["damage"] == "three is a symbolic link"
    ask(share, "remove", "three")
    assert sorted(listed(share)) == ["one", "two"]
    assert (other / "manifest.json").exists()


def test_a_link_in_place_of_the_shares_folders_is_refused(share: Path, tmp_path: Path) -> None:
    (share / "jobs").rename(tmp_path / "moved")
    (share / "jobs").symlink_to(tmp_path / "moved")

    with pytest.raises(files.Damaged, match="jobs is a symbolic link"):
        ask(share)
    # A user may have moved the jobs of this machine to another disk.
    assert len(ask(share, owner=None)["jobs"]) == 2


def test_the_number_of_entries_is_bounded(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(about_module, "FILES", 20)
    for number in range(21):
        (share / f"jobs/one/{number}").touch()
    assert listed(share)["one"]["damage"] == "a directory has more than 20 entries"
    assert listed(share)["two"]["state"] == "not split"

    monkeypatch.setattr(jobs, "JOBS", 1)
    with pytest.raises(files.Damaged, match="a directory has more than 1 entries"):
        ask(share)


def test_the_bytes_that_are_read_are_bounded(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "one", "two":
        (share / f"jobs/{name}/manifest.json").write_text(json.dumps(MANIFEST))
    size = (share / "jobs/one/manifest.json").stat().st_size
    monkeypatch.setattr(jobs, "JOB_BYTES", size + 50)
    receipt = {"chunk": 1, "status": "done", "message": ""}
    for number in range(1, 3):
        (share / f"jobs/one/receipts/{number:06d}-0001.json").write_text(json.dumps(receipt))
    assert listed(share)["one"]["damage"] == "the files are larger than those of any job"
    assert listed(share)["two"]["state"] == "unfinished"

    monkeypatch.setattr(jobs, "ALL_BYTES", size + 60)
    assert listed(share)["two"]["damage"].endswith("Look at it alone: -e action=show -e job_id=two")
    assert show(share, "two")["state"] == "unfinished"


def test_what_a_processor_says_is_printed_without_its_controls(share: Path) -> None:
    message = "\x1b]0;owned\x07a\rb\u202ec\nd\te"
    receipt = {"chunk": 1, "status": "error", "message": message}
    manifest = MANIFEST | {"output": "/o\x1b[2J", "request": {"options": {"a": "\x9b31m"}}}
    (share / "jobs/one/manifest.json").write_text(json.dumps(manifest))
    (share / "jobs/one/receipts/000001-0001.json").write_text(json.dumps(receipt))
    (share / "jobs/one/logs").mkdir()
    (share / "jobs/one/logs" / os.fsdecode(b"a\xff\n\x1b.log")).touch()

    job = show(share, "one")
    assert job["errors"] == ["\\x1b]0;owned\\x07a\\x0db\\u202ec\nd\te"]
    assert job["logs"] == ["a\\xff\\x0a\\x1b.log"]
    assert (job["output"], job["options"]) == ("/o\\x1b[2J", '{"a": "\\x9b31m"}')


def test_long_texts_are_cut(share: Path) -> None:
    receipt = {"chunk": 1, "status": "error", "message": "x" * 1_000_000}
    (share / "jobs/one/receipts/000001-0001.json").write_text(json.dumps(receipt))

    assert show(share, "one")["errors"] == ["x" * 4000 + "..."]


@pytest.mark.parametrize("name", [b"a\nb", b"\x1b[31m", b"\xff", b"-rf", b"$HOME", "\u202e.sj".encode(), b"{{ 1 }}"])
def test_a_job_of_any_name_is_listed_and_removed_by_the_name_that_is_printed(share: Path, name: bytes) -> None:
    (share / "jobs" / os.fsdecode(name)).mkdir()

    [shown] = listed(share).keys() - {"one", "two"}
    assert shown.isprintable()
    assert show(share, shown)["state"] == "not split"
    ask(share, "remove", shown)
    assert names(share / "jobs") == ["one", "two"]


@pytest.mark.parametrize("name", ["..", ".", "../requests", "one/receipts", "/", ""])
def test_only_a_job_is_removed(share: Path, name: str) -> None:
    assert ask(share, "remove", name) == {"jobs": []}
    assert (share / "jobs/one/receipts").exists()


def test_a_job_that_runs_can_be_looked_at(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files come and go: what is gone before it is read counts as not there."""
    gone = share / "jobs/one/round-0001.json.tmp"
    gone.touch()
    real = files.entries

    def then_gone(at: int, limit: int = 100) -> Any:
        found = real(at, limit)
        gone.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(about_module, "entries", then_gone)
    assert listed(share)["one"]["state"] == "not split"


def test_a_receipt_that_a_power_cut_left_empty_does_not_count(share: Path) -> None:
    (share / "jobs/one/receipts/000001-0001.json").touch()

    assert listed(share)["one"]["state"] == "not split"


# -- removal -----------------------------------------------------------------------------------------------------------


def test_what_belongs_to_a_job_goes_with_it(share: Path) -> None:
    (share / "results/one").mkdir(parents=True)
    (share / "results/one/result.csv").write_text("a\n")

    ask(share, "remove", "one")

    assert not (share / "requests/one.json").exists()
    assert not (share / "results/one").exists()
    assert sorted(listed(share)) == ["two"]


def test_a_removal_follows_no_link_and_takes_every_directory(share: Path, tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    keep.mkdir()
    (keep / "file").write_text("of somebody else")
    job = share / "jobs/one"
    (job / "a link").symlink_to(keep)
    (job / "receipts/a link").symlink_to(keep / "file")
    a_fifo(job / "fifo")
    for name in "closed", "closed/inside", "closed/inside/more":
        (job / name).mkdir()
    for name in "closed/inside/more", "closed/inside", "closed":
        (job / name).chmod(0)
    for number in range(2500):
        (job / f"receipts/{number}").touch()

    ask(share, "remove", "one")

    assert names(share / "jobs") == ["two"]
    assert (keep / "file").read_text() == "of somebody else"


def test_a_removal_reaches_any_depth(share: Path) -> None:
    with files.folder(str(share / "jobs/one")) as top:
        at = os.dup(top)
        for _ in range(3000):
            os.mkdir("d", dir_fd=at)
            below = os.open("d", os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = below
        os.close(at)

    ask(share, "remove", "one")

    assert names(share / "jobs") == ["two"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as the owner of a share")
def test_root_empties_a_job_as_the_owner_of_the_share(share: Path) -> None:
    """Where a name comes to lead out of the job, root's rights would be lent to it."""
    (share / "roots").mkdir(mode=0o755)
    (share / "roots/file").touch()
    (share / "roots").rename(share / "jobs/one/roots")
    os.chown(share / "jobs/one", 8765, 8765)

    with pytest.raises(PermissionError):
        ask(share, "remove", "one", owner=8765)
    assert (share / "jobs/one/roots/file").exists()
    assert os.geteuid() == 0

    os.chown(share / "jobs/one/roots", 8765, 8765)
    ask(share, "remove", "one", owner=8765)
    assert not (share / "jobs/one").exists()


def test_prune_removes_what_is_done_and_old(share: Path) -> None:
    for name in "one", "two":
        (share / f"jobs/{name}/manifest.json").write_text(json.dumps(MANIFEST))
    (share / "jobs/one/done.json").write_text('{"output": "/out"}')
    (share / "inputs").mkdir()
    (share / "inputs/a").write_text("sent")
    (share / "inputs/link").symlink_to("/etc/passwd")
    (share / "inputs/folder").mkdir()

    assert ask(share, "prune", days=7) == {"removed": []}
    while time.time() <= (share / "jobs/one/done.json").stat().st_ctime:
        pass  # the clock of files is coarse
    assert ask(share, "prune", days=0) == {"removed": ["one"]}
    (share / "jobs/two/done.json").write_text('{"output": "/out"}')
    while time.time() <= (share / "jobs/two/done.json").stat().st_ctime:
        pass
    assert ask(share, "prune", days=0) == {"removed": ["two", "inputs/a"]}
    assert names(share / "inputs") == ["folder", "link"]


def test_a_damaged_job_keeps_what_was_sent(share: Path) -> None:
    (share / "jobs/two").rename(share / "two")
    a_fifo(share / "jobs/one/done.json")
    (share / "inputs").mkdir()
    (share / "inputs/a").write_text("sent")

    assert ask(share, "prune", days=-1) == {"removed": []}


def test_prune_removes_all_that_is_old_but_what_runs_or_is_damaged(share: Path) -> None:
    manifest = MANIFEST | {"request": {"max_rejected": "50%"}}
    done, failed, rejecting, broken = (share / "jobs" / name for name in ("done", "failed", "rejecting", "broken"))
    for job in done, failed, rejecting, broken:
        (job / "receipts").mkdir(parents=True)
        (job / "manifest.json").write_text(json.dumps(manifest))
    (done / "done.json").write_text('{"output": "/out"}')
    (failed / "receipts/000002-0001.json").write_text('{"chunk": 2, "status": "error", "message": "no column x"}')
    (rejecting / "receipts/000001-0001.json").write_text('{"chunk": 1, "status": "done", "message": "", "rejected": 4}')
    (broken / "manifest.json").write_text("{")

    found = {job["job"]: (job["state"], job["reason"].split(",")[0]) for job in ask(share, owner=None)["jobs"]}
    assert found == {
        "one": ("not split", ""),
        "two": ("not split", ""),
        "done": ("done", ""),
        "failed": ("failed", "no column x"),
        "rejecting": ("failed", "4 of 7 records are rejected so far"),
        "broken": ("damaged", ""),
    }
    assert ask(share, "prune", owner=None)["removed"] == []
    assert ask(share, "prune", days=0, owner=None)["removed"] == ["done", "failed", "one", "rejecting", "two"]
    assert names(share / "jobs") == ["broken"]

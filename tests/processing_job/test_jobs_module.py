"""The module behind playbooks/jobs.yml: list, show, remove and prune jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.processing_job.job_listing import MANIFEST, REQUEST, listed, make_fifo, names, perform, show
from tests.processing_job.plugin_loader import files, job_summary
from tests.support.jobs import ROOT

# Nothing here may block on a file that never has data.
pytestmark = pytest.mark.timeout(60)


def test_request_is_not_read_from_the_job_directory(share: Path) -> None:
    forged = MANIFEST | {"input": {"path": "/root/.ssh/id_ed25519"}}
    (share / "jobs/one/manifest.json").write_text(json.dumps(forged))
    (share / "jobs/two/manifest.json").write_text(json.dumps(forged))

    assert (show(share, "one")["request"], show(share, "one")["manifest"]) == (REQUEST, {})
    assert (show(share, "two")["request"], show(share, "two")["manifest"]) == ({}, {})


def test_request_not_owned_by_root_is_ignored(share: Path) -> None:
    (share / "mine.json").write_text(json.dumps(REQUEST))
    (share / "requests/one.json").unlink()
    (share / "requests/one.json").symlink_to(share / "mine.json")
    assert show(share, "one")["request"] == {}

    if os.geteuid() == 0:
        (share / "requests/one.json").unlink()
        (share / "requests/one.json").write_text(json.dumps(REQUEST))
        os.chown(share / "requests/one.json", 8765, 8765)
        assert show(share, "one")["request"] == {}


def test_local_job_reads_the_request_from_its_manifest(share: Path) -> None:
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
def test_malformed_job_does_not_hide_other_jobs(share: Path, path: str, text: str) -> None:
    (share / "jobs/one" / path).write_text(text)

    found = listed(share)
    assert (found["one"]["state"], found["two"]["state"]) == ("damaged", "not split")
    assert found["one"]["damage"].endswith("is not what csvswarm writes")


def test_running_local_job_is_not_removed(share: Path) -> None:
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
            perform(share, "remove", "one", owner=None)
        assert (share / "jobs/one").exists()

    perform(share, "remove", "one", owner=None)
    assert not (share / "jobs/one").exists()


def test_control_characters_of_a_processors_text_are_escaped(share: Path) -> None:
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


def test_long_messages_are_truncated(share: Path) -> None:
    receipt = {"chunk": 1, "status": "error", "message": "x" * 1_000_000}
    (share / "jobs/one/receipts/000001-0001.json").write_text(json.dumps(receipt))

    assert show(share, "one")["errors"] == ["x" * 4000 + "..."]


@pytest.mark.parametrize("name", [b"a\nb", b"\x1b[31m", b"\xff", b"-rf", b"$HOME", "\u202e.sj".encode(), b"{{ 1 }}"])
def test_job_with_any_name_can_be_removed_by_its_printed_name(share: Path, name: bytes) -> None:
    (share / "jobs" / os.fsdecode(name)).mkdir()

    [shown] = listed(share).keys() - {"one", "two"}
    assert shown.isprintable()
    assert show(share, shown)["state"] == "not split"
    perform(share, "remove", shown)
    assert names(share / "jobs") == ["one", "two"]


@pytest.mark.parametrize("name", ["..", ".", "../requests", "one/receipts", "/", ""])
def test_only_jobs_are_removed(share: Path, name: str) -> None:
    assert perform(share, "remove", name) == {"jobs": []}
    assert (share / "jobs/one/receipts").exists()


def test_files_that_vanish_while_a_job_is_read_are_ignored(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is removed before it is read counts as missing."""
    gone = share / "jobs/one/round-0001.json.tmp"
    gone.touch()
    real = job_summary.entries_in

    def then_gone(at: int, limit: int = 100) -> Any:
        found = real(at, limit)
        gone.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(job_summary, "entries_in", then_gone)
    assert listed(share)["one"]["state"] == "not split"


def test_empty_receipt_after_a_power_cut_is_ignored(share: Path) -> None:
    (share / "jobs/one/receipts/000001-0001.json").touch()

    assert listed(share)["one"]["state"] == "not split"


def test_removal_includes_result_and_request(share: Path) -> None:
    (share / "results/one").mkdir(parents=True)
    (share / "results/one/result.csv").write_text("a\n")

    perform(share, "remove", "one")

    assert not (share / "requests/one.json").exists()
    assert not (share / "results/one").exists()
    assert sorted(listed(share)) == ["two"]


def test_prune_removes_old_finished_jobs_and_uploads(share: Path) -> None:
    for name in "one", "two":
        (share / f"jobs/{name}/manifest.json").write_text(json.dumps(MANIFEST))
    (share / "jobs/one/done.json").write_text('{"output": "/out"}')
    (share / "inputs").mkdir()
    (share / "inputs/a").write_text("sent")
    (share / "inputs/link").symlink_to("/etc/passwd")
    (share / "inputs/folder").mkdir()

    assert perform(share, "prune", days=7) == {"removed": [], "idle": False}
    while time.time() <= (share / "jobs/one/done.json").stat().st_ctime:
        pass  # the clock of files is coarse
    assert perform(share, "prune", days=0)["removed"] == ["one"]
    (share / "jobs/two/done.json").write_text('{"output": "/out"}')
    while time.time() <= (share / "jobs/two/done.json").stat().st_ctime:
        pass
    assert perform(share, "prune", days=0) == {"removed": ["two", "inputs/a"], "idle": True}
    assert names(share / "inputs") == ["folder", "link"]


def test_prune_removes_interrupted_transfers(share: Path) -> None:
    user = share / "exchange/you"
    (user / ".partial-one").mkdir(parents=True)
    (user / ".partial-one/sent").write_text("half")
    (user / "sent").write_text("arriving")
    (share / "exchange/.taken").mkdir()
    (share / "exchange/link").symlink_to(share / "jobs")

    assert perform(share, "prune", days=7)["removed"] == []
    assert perform(share, "prune", days=-1)["removed"][-1] == "exchange/you/.partial-one"
    assert (names(user), names(share / "exchange")) == (["sent"], [".taken", "link", "you"])


def test_uploads_are_kept_while_a_job_is_damaged(share: Path) -> None:
    (share / "jobs/two").rename(share / "two")
    make_fifo(share / "jobs/one/done.json")
    (share / "inputs").mkdir()
    (share / "inputs/a").write_text("sent")

    assert perform(share, "prune", days=-1)["removed"] == []


def test_prune_keeps_running_and_damaged_jobs(share: Path) -> None:
    manifest = MANIFEST | {"request": {"max_rejected": "50%"}}
    done, failed, rejecting, broken = (share / "jobs" / name for name in ("done", "failed", "rejecting", "broken"))
    for job in done, failed, rejecting, broken:
        (job / "receipts").mkdir(parents=True)
        (job / "manifest.json").write_text(json.dumps(manifest))
    (done / "done.json").write_text('{"output": "/out"}')
    (failed / "receipts/000002-0001.json").write_text('{"chunk": 2, "status": "error", "message": "no column x"}')
    (rejecting / "receipts/000001-0001.json").write_text('{"chunk": 1, "status": "done", "message": "", "rejected": 4}')
    (broken / "manifest.json").write_text("{")

    found = {job["job"]: (job["state"], job["reason"].split(",")[0]) for job in perform(share, owner=None)["jobs"]}
    assert found == {
        "one": ("not split", ""),
        "two": ("not split", ""),
        "done": ("done", ""),
        "failed": ("failed", "no column x"),
        "rejecting": ("failed", "4 of 7 records are rejected so far"),
        "broken": ("damaged", ""),
    }
    assert perform(share, "prune", owner=None)["removed"] == []
    assert perform(share, "prune", days=0, owner=None)["removed"] == ["done", "failed", "one", "rejecting", "two"]
    assert names(share / "jobs") == ["broken"]

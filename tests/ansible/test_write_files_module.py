"""The module that writes a role's files in one task."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Written files belong to root.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to root")


def write(*files: dict[str, Any], check: bool = False, code: int = 0, note: Path | None = None) -> dict[str, Any]:
    """Run the module like Ansible on a board, but without Ansible."""
    arguments: dict[str, Any] = {"files": files, "_ansible_check_mode": check, "_ansible_diff": True}
    if note:
        arguments["note"] = str(note)
    done = subprocess.run(
        [sys.executable, ROOT / "playbooks/library/write_files.py"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_and_missing_parent_directories_are_created(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        first, second = tmp_path / "a/b/first", tmp_path / "second"
        reported = [{"path": str(first), "content": "1\n"}, {"path": str(second), "content": "ä\n", "mode": "0755"}]

        answer = write(*reported)
    finally:
        os.umask(old)

    assert answer["changed"] is True
    assert answer["written"] == [str(first), str(second)]
    assert first.read_text() == "1\n"
    assert second.read_text() == "ä\n"
    assert [mode(path) for path in (first, second, first.parent, first.parent.parent)] == [0o644, 0o755, 0o755, 0o755]
    rerun = write(*reported)
    assert (rerun["changed"], rerun["written"], rerun["diff"]) == (False, [], [])


def test_unchanged_files_are_not_rewritten(tmp_path: Path) -> None:
    same, other, loose = (tmp_path / name for name in ("same", "other", "loose"))
    for path in (same, other, loose):
        path.write_text("as it was\n")
    loose.chmod(0o666)
    untouched = same.stat()

    answer = write(
        {"path": str(same), "content": "as it was\n"},
        {"path": str(other), "content": "new\n"},
        {"path": str(loose), "content": "as it was\n"},
    )

    assert answer["written"] == [str(other), str(loose)]
    assert (answer["diff"][0]["before"], answer["diff"][0]["after"]) == ("as it was\n", "new\n")
    assert mode(loose) == 0o644
    assert (same.stat().st_ino, same.stat().st_mtime_ns) == (untouched.st_ino, untouched.st_mtime_ns)


def test_check_mode_reports_changes_and_writes_nothing(tmp_path: Path) -> None:
    there, new = tmp_path / "there", tmp_path / "folder/new"
    there.write_text("as it was\n")

    answer = write({"path": str(there), "content": "x"}, {"path": str(new), "content": "y"}, check=True)

    assert answer["written"] == [str(there), str(new)]
    assert answer["changed"] is True
    assert there.read_text() == "as it was\n"
    assert list(tmp_path.iterdir()) == [there]


def test_existing_files_are_kept_or_backed_up(tmp_path: Path) -> None:
    kept, replaced, fresh = (tmp_path / name for name in ("kept", "replaced", "fresh"))
    kept.write_text("mine\n")
    replaced.write_text("old\n")

    answer = write(
        {"path": str(kept), "content": "yours\n", "keep": True},
        {"path": str(replaced), "content": "new\n", "backup": True},
        {"path": str(fresh), "content": "new\n", "keep": True, "backup": True},
    )

    assert answer["written"] == [str(replaced), str(fresh)]
    assert kept.read_text() == "mine\n"
    assert sorted(path.name.split(".")[0] for path in tmp_path.iterdir()) == ["fresh", "kept", "replaced", "replaced"]
    (backup,) = tmp_path.glob("replaced.*")
    assert backup.read_text() == "old\n"


def test_error_names_the_unwritable_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    answer = write({"path": str(tmp_path / "file/below"), "content": ""}, code=1)

    assert answer["msg"] == f"{tmp_path}/file/below cannot be written: Not a directory"
    assert "Traceback" not in json.dumps(answer)


def test_pending_change_is_reported_until_its_marker_is_removed(tmp_path: Path) -> None:
    """A run that fails before its handlers loses them; the next run must detect this."""
    note = tmp_path / "run/csvswarm/role.note"
    one, two = ({"path": str(tmp_path / name), "content": name} for name in ("one", "two"))

    assert write(one, two, check=True, note=note)["changed"] is True
    assert not note.exists()
    write(one, note=note)
    lost = write(one, two, note=note)
    checked = write(one, two, check=True, note=note)
    applied = write(one, two, note=note)

    assert lost["written"] == checked["written"] == applied["written"] == [one["path"], two["path"]]
    assert checked["changed"] is applied["changed"] is True
    assert checked["diff"] == []
    note.unlink()  # what the handler does
    assert write(one, two, note=note)["changed"] is False


def test_marker_is_written_before_the_file(tmp_path: Path) -> None:
    note, blocked = tmp_path / "role.note", tmp_path / "folder/file"
    (tmp_path / "folder").symlink_to("nowhere")

    write({"path": str(blocked), "content": "1"}, code=1, note=note)

    assert json.loads(note.read_text()) == [str(blocked)]


@pytest.mark.parametrize("text", ["", "[", '["/elsewhere"]'])
def test_marker_of_other_files_is_ignored(tmp_path: Path, text: str) -> None:
    note, file = tmp_path / "role.note", tmp_path / "file"
    write({"path": str(file), "content": "1"})
    note.write_text(text)

    assert write({"path": str(file), "content": "1"}, note=note)["changed"] is False

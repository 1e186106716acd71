"""The copy of the share that backup.yml, restore.yml, replace_board.yml and move_share.yml make."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.roles.playing import ROOT
from tests.roles.pretended import Boards
from tests.roles.test_life_cycle import cluster

pytestmark = pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")


def copy(boards: Boards, share: Path, backup: Path, mode: str) -> tuple[int, str]:
    """Copy between the board b1 and the folder of the control node; return the exit code and the output."""
    tasks = [{"ansible.builtin.import_tasks": str(ROOT / "playbooks/tasks/copy_share.yml")}]
    variables = {"nfs_server_path": str(share), "backup": str(backup), "csvswarm_mode": mode}
    playbook = boards.folder / "copy.yml"
    playbook.write_text(json.dumps([{"hosts": "b1", "gather_facts": False, "vars": variables, "tasks": tasks}]))
    done = boards.play(str(playbook))
    return done.returncode, done.stdout


@pytest.fixture
def boards(tmp_path: Path) -> Boards:
    made = Boards(tmp_path)
    made.make({"nfs_server": ["b1"]}, [])
    return made


def test_all_files_are_copied_and_come_back(boards: Boards) -> None:
    share, backup, new = (boards.folder / name for name in ("share", "backup", "new"))
    files = {
        ".csvswarm-cluster": "0d9f1c1a-0000-4000-8000-000000000001\n",
        "results/a/result.csv": "a,b\n1,2\n",
        # A filter of rsync: what it names must be copied too.
        "results/.rsync-filter": "- *.csv\n",
    }
    for name, content in files.items():
        (share / name).parent.mkdir(parents=True, exist_ok=True)
        (share / name).write_text(content)
    (share / "lost+found").mkdir()
    (share / "old.csv").write_text("removed from the share before the next copy\n")
    assert copy(boards, share, backup, "pull")[0] == 0
    (share / "old.csv").unlink()
    new.mkdir()

    for target, mode in ((share, "pull"), (new, "push")):
        code, output = copy(boards, target, backup, mode)
        assert code == 0, output

    for folder in (backup / "share", new):
        found = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
        assert found == files


def test_copy_of_another_share_is_refused(boards: Boards) -> None:
    for name in ("share", "backup/share"):
        (boards.folder / name).mkdir(parents=True)
        (boards.folder / name / ".csvswarm-cluster").write_text(f"{name}\n")
    (boards.folder / "backup/share/mine").touch()

    code, output = copy(boards, boards.folder / "share", boards.folder / "backup", "pull")

    assert code != 0
    assert "is a copy of another share" in " ".join(output.split())
    assert (boards.folder / "backup/share/mine").exists()


def test_backup_has_the_share_and_the_inventory(tmp_path: Path) -> None:
    boards, share, backup = cluster(tmp_path), tmp_path / "share", tmp_path / "backup"
    for folder in (share, tmp_path / "group_vars"):
        folder.mkdir()
    (share / ".csvswarm-cluster").write_text("0d9f1c1a-0000-4000-8000-000000000001\n")
    (tmp_path / "group_vars/all.yml").write_text("csvswarm_firewall: true\n")

    done = boards.play("playbooks/backup.yml", "-e", f"backup={backup}", "-e", f"csvswarm_share={share}")

    assert done.returncode == 0, done.stdout
    found = {str(path.relative_to(backup)) for path in backup.rglob("*") if path.is_file()}
    assert found == {"share/.csvswarm-cluster", "inventory/hosts.json", "inventory/group_vars/all.yml"}
    assert (backup / "inventory/hosts.json").read_bytes() == (tmp_path / "hosts.json").read_bytes()

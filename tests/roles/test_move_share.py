"""A move of the share that was interrupted is resumed, although no manager answers by then."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from tests.roles.playing import ROOT, words
from tests.roles.pretended import Boards
from tests.roles.test_life_cycle import cluster

pytestmark = pytest.mark.skipif(shutil.which("rsync") is None or os.geteuid() != 0, reason="needs root and rsync")

ID = "0d9f1c1a-0000-4000-8000-000000000001\n"
FILES = {".csvswarm-cluster": ID, "results/a/result.csv": "a,b\n1,2\n"}
#: The roles that take NFS off a board, as programs of the pretended boards.
STUB = [{"name": "Call a program", "ansible.builtin.command": {"argv": ["PROGRAM"]}}]


def moving(folder: Path) -> tuple[Boards, Path]:
    """A cluster whose boards each have a folder for the share; returns it and the playbook, without apt and NFS."""
    boards = cluster(folder)
    playbooks = folder / "playbooks"
    shutil.copytree(ROOT / "playbooks", playbooks, ignore=shutil.ignore_patterns("roles"))
    for program in ("nfs_server", "nfs_client"):
        shutil.copy(folder / "bin/docker", folder / "bin" / program)
        tasks = playbooks / "roles" / program / "tasks"
        tasks.mkdir(parents=True)
        (tasks / "main.yml").write_text(json.dumps(STUB).replace("PROGRAM", program))
    inventory = json.loads((folder / "hosts.json").read_text())
    for board, variables in inventory["all"]["hosts"].items():
        variables["csvswarm_share"] = str(folder / f"share-{board}/csvswarm")
        boards.answer(board, "systemctl show", "LoadState=loaded\nActiveState=inactive\n")
    (folder / "hosts.json").write_text(json.dumps(inventory))
    for name, content in FILES.items():
        (folder / "share-b1/csvswarm" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "share-b1/csvswarm" / name).write_text(content)
    restore = playbooks / "tasks/restore_share.yml"
    kept = [task for task in yaml.safe_load(restore.read_text()) if "ansible.builtin.apt" not in task]
    restore.write_text(json.dumps(kept))
    return boards, playbooks / "move_share.yml"


def test_interrupted_move_is_resumed(tmp_path: Path) -> None:
    boards, playbook = moving(tmp_path)
    backup, old, new = tmp_path / "backup", tmp_path / "share-b1/csvswarm", tmp_path / "share-b2/csvswarm"
    arguments = ("-e", "to=b2", "-e", f"backup={backup}")
    boards.answer("b1", "nfs_server", code=1, times=1)

    interrupted = boards.play(playbook, *arguments)

    assert interrupted.returncode != 0
    assert (backup / "moving").read_text() == "b2\n", interrupted.stdout
    assert {name: (old / name).read_text() for name in FILES} == FILES
    # Docker is off on all boards by now.
    shutil.rmtree(tmp_path / "b1/answers/docker")
    boards.answer("b1", "docker node ls", code=1)
    before = len(boards.journal())

    resumed = boards.play(playbook, *arguments)

    assert resumed.returncode == 0, resumed.stdout
    assert "Now change nfs_server in the inventory from b1 to b2" in words(resumed)
    assert not [line for line in boards.journal()[before:] if " docker " in line]
    assert not (backup / "moving").exists()
    assert not old.exists()
    for folder in (old.with_name("csvswarm.before"), new, backup / "share"):
        found = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
        assert found == FILES


def test_share_of_an_earlier_move_is_not_replaced(tmp_path: Path) -> None:
    boards, playbook = moving(tmp_path)
    (tmp_path / "share-b1/csvswarm.before").mkdir()

    done = boards.play(playbook, "-e", "to=b2", "-e", f"backup={tmp_path}/backup")

    assert done.returncode != 0
    assert "b1 has" in words(done)
    assert "csvswarm.before, from an earlier move" in words(done)
    assert not (tmp_path / "backup").exists()

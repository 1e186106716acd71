"""The repository's inventory: a sample without boards, and what it sets for boards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = yaml.safe_load((ROOT / "inventory/hosts.example.yml").read_text())
GROUPS = sorted(EXAMPLE["all"]["children"])


def test_the_sample_has_no_boards() -> None:
    """Ansible reads it beside the hosts.yml of the user."""
    assert GROUPS == ["nfs_client", "nfs_server", "swarm_manager", "swarm_worker"]
    assert all(group == {"hosts": {}} for group in EXAMPLE["all"]["children"].values())


def test_the_inventory_of_the_user_stays_on_this_machine() -> None:
    """Git would report conflicts after `git pull`, and a collection would publish its addresses."""
    ignored = subprocess.run(["git", "check-ignore", "--quiet", "inventory/hosts.yml"], cwd=ROOT, check=False)

    assert ignored.returncode == 0
    assert "inventory/hosts.yml" in yaml.safe_load((ROOT / "galaxy.yml").read_text())["build_ignore"]


@pytest.mark.parametrize("group", GROUPS)
def test_a_board_uses_the_python_of_its_packages(tmp_path: Path, group: str) -> None:
    """The modules import Debian's python3-docker, which a pyenv Python earlier in PATH lacks."""
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": {group: {"hosts": {"b1": None}}}}}))
    (tmp_path / "group_vars").symlink_to(ROOT / "inventory/group_vars")

    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-inventory", "-i", tmp_path / "hosts.yml", "--host", "b1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert json.loads(done.stdout)["ansible_python_interpreter"] == "/usr/bin/python3"

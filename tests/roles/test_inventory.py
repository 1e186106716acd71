"""The variables that the repository's inventory sets for boards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GROUPS = sorted(yaml.safe_load((ROOT / "inventory/hosts.yml").read_text())["all"]["children"])


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

"""The roles' READMEs match the output of tools/role_readme.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.parent for path in (ROOT / "roles").glob("*/README.md"))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_readme_is_up_to_date(role: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/role_readme.py", "--check", role], capture_output=True, text=True, check=False
    )

    assert done.stdout == ""
    assert done.returncode == 0


def test_every_cluster_role_has_a_readme() -> None:
    names = {role.name for role in ROLES}

    assert names >= {
        "board", "docker_engine", "firewall", "nfs_client", "nfs_server", "swarm_manager", "swarm_worker",
    }  # fmt: skip

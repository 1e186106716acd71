"""All packages of a board are installed in one transaction, which is much faster than one per role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
# Its repository must exist first.
LATER = {"python3-debian"}


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def installed() -> list[tuple[str, str]]:
    """Return (role, package) of every package that a role installs by name."""
    found = []
    for file in sorted(ROOT.glob("roles/*/tasks/*.yml")):
        for task in yaml.safe_load(file.read_text()):
            names = task.get("ansible.builtin.apt", {}).get("name", [])
            listed = [names] if isinstance(names, str) else names
            found += [(file.parents[1].name, name) for name in listed if "{{" not in name]
    return found


def test_there_are_some() -> None:
    assert ("nfs_client", "nfs-common") in installed()


@pytest.mark.parametrize(("role", "package"), installed())
def test_packages_of_each_role_are_installed_early(role: str, package: str) -> None:
    assert package in LATER or f"'{package}'" in load("playbooks/vars/cluster.yml")["board_packages"], role


def test_engine_packages_come_from_its_role() -> None:
    [play] = [play for play in load("playbooks/site.yml") if play["name"] == "Set the boards up"]

    assert "../roles/docker_engine/vars/main.yml" in play["vars_files"]
    # reset.yml runs the role board without the variables of other roles (it failed like this in the lab).
    assert "__docker_engine_packages | default([])" in load("playbooks/vars/cluster.yml")["csvswarm_engine_packages"]

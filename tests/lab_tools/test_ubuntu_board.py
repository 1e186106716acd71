"""The image of Ubuntu's virtual board: where its packages come from, and who needs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
BASE_IMAGE = ROOT / "molecule/shared/ubuntu_board_image/base_image.sh"
LAB = yaml.safe_load((ROOT / "molecule/shared/vars/lab.yml").read_text())

# An engine without images that reaches no registry, and a mmdebstrap that needs the keyring that it is called with.
FAKES = {
    "docker": 'echo "docker $*" >>"$CALLS"\n[ "$1" = import ]',
    "apt-get": "exit 0",
    "id": "echo 0",
    "mmdebstrap": """echo "mmdebstrap $*" >>"$CALLS"
for last; do :; done
case "$*" in
*--variant=extract*) mkdir -p "$last/usr/share/keyrings" && echo "$KEYRING" >"$last/usr/share/keyrings/$KEYRING" ;;
*) for one; do case $one in --keyring=*) cat "${one#*=}" >>"$CALLS" || exit 1 ;; esac; done
   stat --format=%a "${last%/*}" >>"$CALLS" ;;
esac""",
}


def releases(scenario: str) -> set[str]:
    """Return the releases that the boards of a scenario run, but for the default."""
    inventory = yaml.safe_load((ROOT / f"molecule/{scenario}/inventory/hosts.yml").read_text())
    groups = inventory["all"]["children"].values()
    boards = [variables or {} for group in groups for variables in group["hosts"].values()]
    return {board["lab_release"] for board in boards if "lab_release" in board}


def make_base(folder: Path, keyring: str) -> tuple[int, list[str]]:
    """Run base_image.sh with fakes. Returns its exit code, and the calls of the fakes."""
    for name, script in FAKES.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    calls = folder / "calls"
    done = subprocess.run(
        ["sh", BASE_IMAGE, "noble"],
        env={"PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(calls), "KEYRING": keyring, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, calls.read_text().splitlines()


def test_packages_are_verified_with_the_keyring_of_debian(tmp_path: Path) -> None:
    code, calls = make_base(tmp_path, "ubuntu-archive-keyring.gpg")

    assert code == 0
    keys, packages, verified_with, permissions, imported = calls[-5:]
    assert keys.startswith("mmdebstrap --quiet --variant=extract --include=ubuntu-keyring trixie ")
    assert "--components=main,universe" in packages
    assert verified_with == "ubuntu-archive-keyring.gpg"
    assert permissions == "755"  # apt reads the keyring as a user of its own
    assert imported.endswith(" ubuntu:noble")


def test_without_the_keyring_nothing_is_imported(tmp_path: Path) -> None:
    code, calls = make_base(tmp_path, "another.gpg")

    assert code != 0
    assert not [call for call in calls if call.startswith("docker import")]


def test_only_its_own_scenario_needs_it() -> None:
    """The others run where Ubuntu's archive cannot be reached."""
    scenarios = {path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")}
    ubuntu = set(LAB["lab_ubuntu_releases"])

    assert {scenario for scenario in scenarios if releases(scenario) & ubuntu} == {"ubuntu"}

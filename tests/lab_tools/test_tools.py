"""The tools around Molecule, with fakes of the programs that they call."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone's tools and a folder for fakes, first on PATH."""
    (tmp_path / "tools").mkdir()
    for tool in ("molecule_test.sh", "docker_engine.sh"):
        shutil.copy(ROOT / "tools" / tool, tmp_path / "tools" / tool)
    (tmp_path / ".lab").mkdir()
    (tmp_path / "bin").mkdir()
    return tmp_path


def stand_in(clone: Path, name: str, script: str) -> None:
    program = clone / "bin" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def run(clone: Path, tool: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / "tools" / tool, *arguments],
        env={"PATH": f"{clone}/bin:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_scenario_result_and_times_are_printed_last(clone: Path) -> None:
    stand_in(clone, "docker", "exit 0")
    stand_in(clone, "molecule", 'printf "create,40,8\\nsite,150,63\\n" >.lab/$3.times; echo "$@"')

    done = run(clone, "molecule_test.sh", "separate_roles")

    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "test --scenario-name separate_roles"
    assert [line.split() for line in lines[-5:]] == [
        ["phase", "seconds", "changed"],
        ["create", "40", "8"],
        ["site", "150", "63"],
        ["total", "190"],
        ["molecule:", "separate_roles", "scenario", "passed"],
    ]


def test_failing_scenario_fails_the_run(clone: Path) -> None:
    stand_in(clone, "docker", "exit 0")
    stand_in(clone, "molecule", "exit 7")

    done = run(clone, "molecule_test.sh")

    assert done.returncode == 7
    assert done.stderr.splitlines()[-1].startswith("molecule: default scenario FAILED")


def test_without_an_engine_molecule_is_not_started(clone: Path) -> None:
    stand_in(clone, "docker", "exit 1")
    stand_in(clone, "id", "echo 1000")
    stand_in(clone, "molecule", "echo started")

    done = run(clone, "molecule_test.sh")

    assert done.returncode != 0
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("docker engine: none answers. Start it")


def test_remote_engine_is_not_replaced_by_a_local_one(clone: Path) -> None:
    stand_in(clone, "docker", "exit 1")
    stand_in(clone, "apt-get", "echo installed")

    done = run(clone, "docker_engine.sh", DOCKER_HOST="tcp://192.0.2.1:2376")

    assert done.returncode != 0
    assert done.stdout == ""
    assert "DOCKER_HOST is set to tcp://192.0.2.1:2376, but no engine answers there" in done.stderr


def test_separate_client_package_is_installed_with_the_engine(clone: Path) -> None:
    # A machine without Docker: only these on PATH.
    for name in ("sh", "dirname", "cat", "touch", "chmod", "rm", "sleep", "tail", "setsid"):
        (clone / "bin" / name).symlink_to(shutil.which(name) or "missing")
    stand_in(clone, "id", "echo 0")
    stand_in(clone, "systemctl", "exit 0")  # used where this machine has systemd
    stand_in(clone, "apt-cache", "echo docker-cli - Linux container runtime")
    made = f"touch {clone}/bin/docker {clone}/bin/dockerd; chmod +x {clone}/bin/docker {clone}/bin/dockerd"
    stand_in(clone, "apt-get", f'echo "$@" >>{clone}/packages; {made}')
    # Not the log of this machine's engine.
    script = clone / "tools/docker_engine.sh"
    script.write_text(script.read_text().replace("LOG=/var/log/", f"LOG={clone}/").replace("/var/run/", f"{clone}/"))

    done = run(clone, "docker_engine.sh", PATH=str(clone / "bin"))

    assert done.returncode == 0, done.stderr
    assert "docker.io iptables docker-cli" in (clone / "packages").read_text()

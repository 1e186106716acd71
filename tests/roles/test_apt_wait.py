"""The role waits for a board that installs packages on its own, and names it on a timeout."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.roles.playing import ROOT

SCRIPT = ROOT / "roles/board/files/apt_wait.py"
LOCK = "lib/dpkg/lock-frontend"


@pytest.fixture
def var(tmp_path: Path) -> Path:
    for name in (LOCK, "lib/apt/lists/lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def upgrade(var: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that locks like apt until its input ends."""
    holding = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holding, var / LOCK, "unattended-upgrades"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout
        process.stdout.readline()  # it has the lock now
        yield process
        process.kill()


def wait(var: Path, seconds: str) -> subprocess.CompletedProcess[str]:
    """Run the script like the role, from its text."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.read_text(), seconds, var],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_unused_lock_is_acquired_immediately(var: Path) -> None:
    assert wait(var, "0").returncode == 0
    assert wait(var / "a board without apt's folders", "0").returncode == 0


def test_lock_error_names_the_owner(var: Path, upgrade: subprocess.Popen[bytes]) -> None:
    done = wait(var, "0")

    assert done.returncode == 1
    assert "unattended-upgrades" in done.stdout
    assert f"process {upgrade.pid}) has locked {var / LOCK}" in done.stdout


def test_task_waits_until_the_lock_is_free(var: Path, upgrade: subprocess.Popen[bytes]) -> None:
    with subprocess.Popen([sys.executable, SCRIPT, "60", var], stdout=subprocess.PIPE) as waiting:
        assert waiting.poll() is None
        assert upgrade.stdin
        upgrade.stdin.close()  # it ends, and the kernel frees its lock
        assert waiting.communicate(timeout=60)[0] == b"free\n"
        assert waiting.returncode == 0


def test_the_kernel_sees_the_same_lock(var: Path, upgrade: subprocess.Popen[bytes]) -> None:
    """The fake lock conflicts with apt's own lock."""
    assert upgrade.poll() is None
    with (var / LOCK).open("r+") as file, pytest.raises(OSError, match="unavailable"):
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_every_play_that_installs_has_apt_wait_for_the_lock() -> None:
    plays = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())

    for play in plays:
        if "roles" in play:
            timeout = play["module_defaults"]["ansible.builtin.apt"]["lock_timeout"]
            assert "board_apt_timeout" in timeout, play["name"]

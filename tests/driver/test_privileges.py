"""The driver becomes the owner of the jobs, and only its calls to the engine have the socket's group."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from csvswarm.driver.privileges import become_owner

from tests.support.jobs import ROOT

OWNER, GROUP = 8765, 5432
#: Becomes the owner, and prints the ids and access of the process and of a program that it executes.
PROBE = """
import json, os, socket, subprocess, sys
from csvswarm.driver.privileges import become_owner

def reaches(path):
    with socket.socket(socket.AF_UNIX) as one:
        try:
            one.connect(path)
        except PermissionError:
            return False
    return True

path = sys.argv[1]
group = become_owner(8765, path)
found = {"ids": [os.getresuid(), os.getresgid(), os.getgroups()], "outside": reaches(path)}
with group():
    found["inside"] = reaches(path)
    found["group"] = os.getegid()
found["after"] = [os.getegid(), reaches(path)]
shell = 'test -w "$0" && echo reached; grep -E "^(Uid|Gid|Groups)" /proc/self/status'
found["executed"] = subprocess.run(["sh", "-c", shell, path], capture_output=True, text=True).stdout.split()
found["capabilities"] = [line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "CapPrm"))]
try:
    os.setresuid(0, 0, 0)
except PermissionError:
    found["root regained"] = False
print(json.dumps(found))
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def engine_socket() -> Iterator[str]:
    """A socket like the engine's: of root and a group, closed to others, in a folder that anybody may enter."""
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listening:
        Path(directory).chmod(0o755)
        path = f"{directory}/docker.sock"
        listening.bind(path)
        listening.listen(8)
        Path(path).chmod(0o660)
        os.chown(path, 0, GROUP)
        yield path


@needs_root
def test_only_calls_to_the_engine_have_the_group_of_its_socket(engine_socket: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, engine_socket],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts"), "HOME": "/"},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)

    assert found["ids"] == [[OWNER] * 3, [OWNER, OWNER, GROUP], []]
    assert (found["outside"], found["inside"], found["group"]) == (False, True, GROUP)
    assert found["after"] == [OWNER, False]
    assert found["executed"] == ["Uid:", *[str(OWNER)] * 4, "Gid:", *[str(OWNER)] * 4, "Groups:"]
    assert {int(mask, 16) for mask in found["capabilities"]} == {0}
    assert found["root regained"] is False


def test_unprivileged_process_keeps_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    before = os.getresuid(), os.getresgid()

    with become_owner(OWNER, "/no/socket")():
        assert (os.getresuid(), os.getresgid()) == before


@needs_root
def test_driver_without_a_socket_does_not_start() -> None:
    with pytest.raises(FileNotFoundError):
        become_owner(OWNER, "/no/socket")

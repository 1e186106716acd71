"""The three scripts in their own directory, and ways to restrict the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.jobs import Scripts


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path)


@pytest.fixture
def unprivileged(tmp_path: Path) -> Scripts:
    """The scripts run by a user subject to permissions; root drops its capabilities."""
    if os.geteuid():
        return Scripts(tmp_path)
    before = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    if not shutil.which(before[0]) or subprocess.run([*before, "true"], check=False).returncode:
        pytest.skip("permissions do not apply to root, and setpriv cannot take its capabilities away here")
    return Scripts(tmp_path, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KB."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", path], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a disk that can be filled has to be mounted, which needs root and CAP_SYS_ADMIN")
    yield path
    subprocess.run(["umount", path], check=True)

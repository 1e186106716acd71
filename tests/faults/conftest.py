"""What schedules share: the tools that put faults into processes, and the jobs made ready."""

from __future__ import annotations

import compileall
import os
from pathlib import Path

import pytest

from tests.faults.fault_injection import can_mount, missing_tools
from tests.support.jobs import ROOT


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all processes of this test run share."""
    base = tmp_path_factory.getbasetemp()
    path = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "faults"
    path.mkdir(exist_ok=True)
    return path


@pytest.fixture(scope="session")
def injectors(tmp_path_factory: pytest.TempPathFactory) -> None:
    """strace and libfiu. Where they cannot be had the tests are skipped, but never in CI."""
    missing = missing_tools(tmp_path_factory.mktemp("probe"))
    if missing and os.environ.get("CI"):
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    compileall.compile_dir(ROOT / "scripts", quiet=2)


@pytest.fixture(scope="session")
def mounts(tmp_path_factory: pytest.TempPathFactory) -> bool:
    """Whether a small disk can be mounted; without one, other faults take the place of a full disk."""
    return can_mount(tmp_path_factory.mktemp("mount"))

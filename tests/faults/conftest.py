"""Fixtures for schedules: the fault injectors and the prepared jobs."""

from __future__ import annotations

import compileall
import os
from pathlib import Path

import pytest

from tests.faults.fault_injection import can_mount, missing_tools
from tests.support.jobs import ROOT


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory shared by all processes of this test run."""
    base = tmp_path_factory.getbasetemp()
    path = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "faults"
    path.mkdir(exist_ok=True)
    return path


@pytest.fixture(scope="session")
def injectors(tmp_path_factory: pytest.TempPathFactory) -> None:
    """strace and libfiu. Tests are skipped if they are not available, but never in CI."""
    missing = missing_tools(tmp_path_factory.mktemp("probe"))
    if missing and os.environ.get("CI"):
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    compileall.compile_dir(ROOT / "scripts", quiet=2)


@pytest.fixture(scope="session")
def mounts(tmp_path_factory: pytest.TempPathFactory) -> bool:
    """Whether a small disk can be mounted; if not, other faults replace a full disk."""
    return can_mount(tmp_path_factory.mktemp("mount"))

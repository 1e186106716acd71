"""Fixtures of all tests on the lab."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.kit.control_node import ControlNode
from tests.lab.kit.lab import Lab


@pytest.fixture
def control_node(tmp_path: Path) -> ControlNode:
    return ControlNode(tmp_path)


@pytest.fixture(scope="session")
def reachable_lab() -> Iterator[Lab]:
    """The lab in its current state, with a shell on every board."""
    # The path of a socket must be short, unlike that of a test's directory.
    sockets = Path(tempfile.mkdtemp(prefix="lab-"))
    yield Lab(sockets)
    shutil.rmtree(sockets)

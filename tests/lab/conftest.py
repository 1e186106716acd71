"""What the tests on the lab share."""

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
    """The lab as it is, with a shell on every board."""
    # A socket's path may not be long, as a test's own directory is.
    sockets = Path(tempfile.mkdtemp(prefix="lab-"))
    yield Lab(sockets)
    shutil.rmtree(sockets)

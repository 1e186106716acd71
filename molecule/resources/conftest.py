"""What the tests on the lab share."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab_kit.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)

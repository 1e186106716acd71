"""The filters of the role board, as modules."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FILTERS = Path(__file__).resolve().parents[2] / "roles/board/filter_plugins"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"board_filter_{name}", FILTERS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def board() -> ModuleType:
    return load("board")


@pytest.fixture(scope="session")
def status() -> ModuleType:
    return load("status")

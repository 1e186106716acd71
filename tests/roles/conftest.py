"""The filters of the roles, as modules."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROLES = Path(__file__).resolve().parents[2] / "roles"


def load(role: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{role}_filter_{name}", ROLES / role / f"filter_plugins/{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def board() -> ModuleType:
    return load("board", "board")


@pytest.fixture(scope="session")
def status() -> ModuleType:
    return load("board", "status")


@pytest.fixture(scope="session")
def daemon() -> ModuleType:
    return load("docker_engine", "daemon")


@pytest.fixture(scope="session")
def engine() -> ModuleType:
    return load("docker_engine", "engine")


@pytest.fixture(scope="session")
def leading() -> ModuleType:
    return load("swarm_manager", "leading")


@pytest.fixture(scope="session")
def member() -> ModuleType:
    return load("swarm_worker", "member")


@pytest.fixture(scope="session")
def server_found() -> ModuleType:
    return load("nfs_server", "server_found")


@pytest.fixture(scope="session")
def client_found() -> ModuleType:
    return load("nfs_client", "client_found")


@pytest.fixture(scope="session")
def recovery() -> ModuleType:
    return load("swarm_manager", "recovery")

"""The lab, healthy before and after every test, and jobs on it."""

from __future__ import annotations

import hashlib
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest

from tests.lab.faults.blocking_processors import BLOCKING
from tests.lab.faults.running_job import RunningJob
from tests.lab.kit.control_node import ControlNode
from tests.lab.kit.lab import Lab


class StartJob(Protocol):
    """Starts a job: its processor's text, its number of chunks, and further options of the user."""

    def __call__(self, processor: str = BLOCKING, chunks: int = 3, **variables: Any) -> RunningJob: ...


class LocalResult(Protocol):
    """The result of one machine for the same input and processor."""

    def __call__(self, processor: str = BLOCKING, **variables: Any) -> dict[str, bytes]: ...


@pytest.fixture(scope="session")
def whole_lab(reachable_lab: Lab) -> Lab:
    reachable_lab.restore()
    return reachable_lab


@pytest.fixture
def lab(whole_lab: Lab) -> Iterator[Lab]:
    yield whole_lab
    whole_lab.restore()


@pytest.fixture
def prepare(lab: Lab, control_node: ControlNode) -> Iterator[Callable[..., RunningJob]]:
    """Prepares a job, and cleans it up after the test."""
    jobs: list[RunningJob] = []

    def ready(processor: str = BLOCKING, chunks: int = 3, **variables: Any) -> RunningJob:
        (control_node.place / "mine.py").write_text(processor)
        job = RunningJob(
            lab, control_node, f"f-{uuid.uuid4().hex[:8]}", {"processor": "./mine.py", "chunks": chunks, **variables}
        )
        jobs.append(job)
        return job

    yield ready
    for job in jobs:
        if job.playbook and not job.playbook.has_ended:
            job.kill()


@pytest.fixture
def start_job(prepare: Callable[..., RunningJob]) -> StartJob:
    def start(processor: str = BLOCKING, chunks: int = 3, **variables: Any) -> RunningJob:
        job = prepare(processor, chunks, **variables)
        job.start()
        return job

    return start


@pytest.fixture(scope="session")
def local_result(tmp_path_factory: pytest.TempPathFactory) -> LocalResult:
    known: dict[str, dict[str, bytes]] = {}

    def answer(processor: str = BLOCKING, **variables: Any) -> dict[str, bytes]:
        name = hashlib.sha256(f"{processor}{variables}".encode()).hexdigest()
        if name not in known:
            control_node = ControlNode(tmp_path_factory.mktemp("here"))
            (control_node.place / "mine.py").write_text(processor)
            known[name] = control_node.run("local", processor="./mine.py", **variables).files
        return known[name]

    return answer


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Print a failure immediately: the other tests take most of an hour."""
    if report.failed and sys.__stderr__:
        sys.__stderr__.write(f"\n{report.longreprtext}\n")

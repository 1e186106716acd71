"""The lab, healthy before and after every test, and jobs on it."""

from __future__ import annotations

import hashlib
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest

from tests.lab.faults.blocking_processors import HELD
from tests.lab.faults.running_job import Running
from tests.lab.kit.control_node import Desk
from tests.lab.kit.lab import Lab


class Begin(Protocol):
    """Starts a job: its processor's text, its number of chunks, and further options of the user."""

    def __call__(self, processor: str = HELD, chunks: int = 3, **said: Any) -> Running: ...


class Answers(Protocol):
    """What one machine makes of the same input with the same processor."""

    def __call__(self, processor: str = HELD, **said: Any) -> dict[str, bytes]: ...


@pytest.fixture(scope="session")
def whole_lab(reached: Lab) -> Lab:
    reached.mend()
    return reached


@pytest.fixture
def lab(whole_lab: Lab) -> Iterator[Lab]:
    yield whole_lab
    whole_lab.mend()


@pytest.fixture
def prepare(lab: Lab, desk: Desk) -> Iterator[Callable[..., Running]]:
    """Makes a job ready, and ends what is left of it after the test."""
    jobs: list[Running] = []

    def ready(processor: str = HELD, chunks: int = 3, **said: Any) -> Running:
        (desk.place / "mine.py").write_text(processor)
        job = Running(lab, desk, f"f-{uuid.uuid4().hex[:8]}", {"processor": "./mine.py", "chunks": chunks, **said})
        jobs.append(job)
        return job

    yield ready
    for job in jobs:
        if job.playbook and not job.playbook.has_ended:
            job.kill()


@pytest.fixture
def begin(prepare: Callable[..., Running]) -> Begin:
    def start(processor: str = HELD, chunks: int = 3, **said: Any) -> Running:
        job = prepare(processor, chunks, **said)
        job.begin()
        return job

    return start


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    known: dict[str, dict[str, bytes]] = {}

    def answer(processor: str = HELD, **said: Any) -> dict[str, bytes]:
        name = hashlib.sha256(f"{processor}{said}".encode()).hexdigest()
        if name not in known:
            desk = Desk(tmp_path_factory.mktemp("here"))
            (desk.place / "mine.py").write_text(processor)
            known[name] = desk.run("local", processor="./mine.py", **said).files
        return known[name]

    return answer


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Report a failure at once: the rest takes most of an hour."""
    if report.failed and sys.__stderr__:
        sys.__stderr__.write(f"\n{report.longreprtext}\n")

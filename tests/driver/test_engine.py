"""The driver's requests to an engine, and what happens while the engine or the swarm is unreachable."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from csvswarm.driver import engine as engine_module
from csvswarm.driver.engine import Engine, EngineRefused, EngineUnavailable, ServiceRemoved
from csvswarm.driver.services import Round, chunk_service

from tests.driver.conftest import RecordedEngine
from tests.driver.job_requests import request_of

NO_LEADER = (503, "rpc error: code = Unknown desc = The swarm does not have a leader.")


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_RETRY_DELAY", 0.001)


@pytest.fixture
def engine(recorded_engine: RecordedEngine) -> Iterator[Engine]:
    with closing(Engine(recorded_engine.path)) as engine:
        yield engine


def test_tasks_of_a_service_are_requested_once(recorded_engine: RecordedEngine, engine: Engine) -> None:
    recorded_engine.show("waiting")

    assert len(engine.tasks("csvswarm-demo_chunks-1")) == 24

    [(_, name, filters)] = recorded_engine.requests
    assert (name, str(filters)) == ("tasks", str({"service": ["csvswarm-demo_chunks-1"]}))


def test_nodes(recorded_engine: RecordedEngine, engine: Engine) -> None:
    recorded_engine.show("waiting")

    assert {node.board for node in engine.nodes()} == {"board1", "board2", "board3"}


def test_services_of_a_job_with_their_rounds(recorded_engine: RecordedEngine, engine: Engine) -> None:
    round_ = Round(3, 2, (4, 5))
    specs = [
        {"Name": "csvswarm-demo_driver", "Labels": {"csvswarm.job": "demo"}},
        {"Name": "csvswarm-demo_chunks-3", "Labels": {"csvswarm.job": "demo"} | round_.labels()},
    ]
    recorded_engine.answers = {"services": [{"ID": f"id{n}", "Spec": spec} for n, spec in enumerate(specs)]}

    found = engine.services("demo")

    assert [(service.id, service.name, service.round) for service in found] == [
        ("id0", "csvswarm-demo_driver", None),
        ("id1", "csvswarm-demo_chunks-3", round_),
    ]
    assert recorded_engine.requests[0][2] == {"label": ["csvswarm.job=demo"]}


def test_removed_service_differs_from_an_unreachable_engine(recorded_engine: RecordedEngine, engine: Engine) -> None:
    recorded_engine.show("removed")

    with pytest.raises(ServiceRemoved, match="service csvswarm-rec24-1_chunks not found"):
        engine.tasks("csvswarm-rec24-1_chunks")


def test_call_waits_for_a_leader(recorded_engine: RecordedEngine, engine: Engine) -> None:
    recorded_engine.show("waiting")
    recorded_engine.refusals = [NO_LEADER, (500, "rpc error: code = DeadlineExceeded"), (503, "starting")]
    messages: list[str] = []
    engine.on_wait = messages.append

    assert len(engine.tasks("any")) == 24
    assert len(recorded_engine.requests) == 4
    assert len(messages) == 3
    assert messages[0].startswith("the manager has not answered for 0 s: rpc error")


# The docker package leaves a socket that could not connect to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_call_waits_for_a_restarting_engine(recorded_engine: RecordedEngine, engine: Engine) -> None:
    recorded_engine.show("waiting")
    path = Path(recorded_engine.path)
    away = path.rename(path.with_name("away"))
    messages: list[str] = []

    def restart(message: str) -> None:
        messages.append(message)
        if not path.exists():
            away.rename(path)

    engine.on_wait = restart

    assert len(engine.nodes()) == 3
    assert len(messages) == 1
    gc.collect()


def test_call_gives_up_after_its_limit(recorded_engine: RecordedEngine) -> None:
    recorded_engine.refusals = [NO_LEADER] * 10_000

    with pytest.raises(EngineUnavailable, match=r"The swarm does not have a leader\.$"):
        Engine(recorded_engine.path, timeout=0.05).nodes()


def test_refusal_is_not_retried(recorded_engine: RecordedEngine, engine: Engine) -> None:
    recorded_engine.refusals = [(400, "invalid mount target,\nmust be an absolute path: data")]

    with pytest.raises(EngineRefused, match=r"^invalid mount target,\\x0amust be an absolute path: data$"):
        engine.create(chunk_service(request_of(), Round(1, 1, (1,))))
    assert len(recorded_engine.requests) == 1


def test_service_created_by_a_request_with_a_lost_response_is_kept(
    recorded_engine: RecordedEngine, engine: Engine
) -> None:
    exists = "rpc error: code = AlreadyExists desc = name conflicts with an existing object"
    recorded_engine.refusals = [NO_LEADER, (409, exists)]

    engine.create(chunk_service(request_of(), Round(1, 1, (1,))))

    assert [method for method, _, _ in recorded_engine.requests] == ["POST", "POST"]


def test_removing_a_removed_service_is_not_an_error(recorded_engine: RecordedEngine, engine: Engine) -> None:
    recorded_engine.refusals = [(404, "service x not found")]

    engine.remove("x")

    assert recorded_engine.requests == [("DELETE", "x", {})]


def test_every_call_uses_the_group_of_the_socket(recorded_engine: RecordedEngine) -> None:
    recorded_engine.show("waiting")
    recorded_engine.refusals = [NO_LEADER]
    steps: list[str] = []

    @contextmanager
    def group() -> Iterator[None]:
        steps.append("in")
        yield
        steps.append("out")

    with closing(Engine(recorded_engine.path, group=group)) as engine:
        engine.nodes()

    assert steps[-2:] == ["in", "out"]
    assert len([step for step in steps if step == "in"]) == 2

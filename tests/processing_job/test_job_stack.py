"""A manager's report about a job, and the removal of its stack, with recorded answers of an engine."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.processing_job.conftest import RecordedEngine
from tests.processing_job.fake_clock import Clock
from tests.processing_job.plugin_loader import ROLE, load, recorded, shared

api, job_stack = shared("engine"), shared("stack")
swarm_info = load(ROLE / "library/processing_job_swarm_info.py")
stack_module = load(ROLE / "library/processing_job_stack.py")
REQUEST = {"job": "demo", "asked": {"input": "/a.csv"}}
INFO = {"Swarm": {"NodeID": "n1"}}


def service(name: str) -> dict[str, Any]:
    return {"ID": f"id-{name}", "Spec": {"Name": f"csvswarm-demo_{name}"}}


def config(name: str, text: str) -> dict[str, Any]:
    return {"ID": f"id-{name}", "Spec": {"Name": name, "Data": base64.b64encode(text.encode()).decode()}}


DEPLOYED = {
    "services": [service("driver"), service("chunks-1")],
    "configs": [config("csvswarm-demo_request2", "{}"), config("csvswarm-demo_request", json.dumps(REQUEST))],
    "networks": [{"Id": "net"}],
    "info": INFO,
    "images/json": [{"Id": "sha256:1"}],
}


def read_info(engine: RecordedEngine) -> dict[str, Any]:
    with api.Engine(engine.path) as opened:
        answer: dict[str, Any] = swarm_info.cluster_info(opened, "demo", "csvswarm-demo")
    return answer


def test_one_request_returns_boards_images_and_stack(engine: RecordedEngine) -> None:
    engine.show("waiting", **DEPLOYED)

    answer = read_info(engine)

    assert [node["Description"]["Hostname"] for node in answer["nodes"]] == ["board1", "board2", "board3"]
    assert (answer["node_id"], answer["images"]) == ("n1", ["sha256:1"])
    assert answer["stack"]["services"] == ["csvswarm-demo_chunks-1", "csvswarm-demo_driver"]
    assert answer["stack"]["request"] == REQUEST
    assert answer["stack"]["driver"]["id"] == "id-driver"
    requests = dict(engine.requests)
    assert requests["/services"] == {"label": ["csvswarm.job=demo"]}
    assert requests["/tasks"] == {"service": ["csvswarm-demo_driver"]}


def test_job_without_a_stack(engine: RecordedEngine) -> None:
    engine.show("waiting", info=INFO)
    assert read_info(engine)["stack"] is None
    # Chunks left by a removed driver are not a job that can be watched.
    engine.show("waiting", info=INFO, services=[service("chunks-1")])
    assert read_info(engine)["stack"] is None


@pytest.mark.parametrize("data", ["no JSON", "[]", '{"a": 1}'])
def test_unreadable_request_counts_as_different(engine: RecordedEngine, data: str) -> None:
    engine.show("waiting", **DEPLOYED | {"configs": [config("csvswarm-demo_request", data)]})

    assert read_info(engine)["stack"]["request"] == ({"a": 1} if data == '{"a": 1}' else {})


@pytest.mark.parametrize(
    ("recording", "state", "ended", "words"),
    [
        ("waiting", "pending", False, "no suitable node"),
        ("no-image", "rejected", False, "No such image"),
        ("unmounted", "rejected", False, "bind source path does not exist"),
        ("done", "complete", True, ""),
    ],
)
def test_driver_from_a_recorded_engine(
    engine: RecordedEngine, recording: str, state: str, ended: bool, words: str
) -> None:
    engine.show(recording, **DEPLOYED)
    tasks = recorded(recording)["tasks"]
    engine.answers["tasks"] = [one for one in tasks if one["Status"]["State"] == state]
    assert engine.answers["tasks"], "the recording has no such task"

    driver = read_info(engine)["stack"]["driver"]

    assert (driver["state"], driver["ended"]) == (state, ended)
    assert words in driver["message"]


def test_restarted_driver_reports_its_last_exit(engine: RecordedEngine) -> None:
    engine.show("waiting", **DEPLOYED)
    first, *_ = recorded("no-image")["tasks"]
    failed = first | {
        "CreatedAt": "2026-01-01T00:00:00Z",
        "Status": {"State": "failed", "Err": "task: non-zero exit (1)"},
    }
    starting = first | {"CreatedAt": "2026-01-01T00:01:00Z", "Status": {"State": "ready"}}
    engine.answers["tasks"] = [starting, failed]

    assert read_info(engine)["stack"]["driver"]["message"] == "task: non-zero exit (1)"


def test_engine_of_a_worker_is_refused(engine: RecordedEngine) -> None:
    engine.show("waiting", nodes={"message": "This node is not a swarm manager."})

    with pytest.raises(OSError, match="the engine reports: This node is not a swarm manager"):
        read_info(engine)


def ensure(engine: RecordedEngine, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    given = {
        "job": "demo",
        "name": "csvswarm-demo",
        "state": "present",
        "replace": True,
        "node_labels": {},
        **arguments,
    }
    with api.Engine(engine.path) as opened:
        answer: dict[str, Any] = stack_module.ensure(opened, given, check=check)
    return answer


def test_running_job_is_not_replaced(engine: RecordedEngine) -> None:
    engine.show("waiting", **DEPLOYED)
    engine.answers["tasks"] = [one for one in recorded("waiting")["tasks"] if one["Status"]["State"] == "pending"]
    assert engine.answers["tasks"]

    answer = ensure(engine)

    assert not answer["changed"]
    assert answer["stack"]["request"] == REQUEST
    assert engine.removed == []


def test_everything_of_a_job_is_removed(engine: RecordedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order: Swarm refuses to remove a network that a service uses."""
    monkeypatch.setattr(stack_module, "PAUSE", 0)
    engine.show("waiting", **DEPLOYED)
    assert ensure(engine, check=True, state="absent") == {"stack": None, "changed": True}
    assert engine.removed == []

    answer = ensure(engine, state="absent")

    assert answer == {"stack": None, "changed": True}
    assert engine.removed[-1] == "/networks/net"
    assert {path.split("/")[1] for path in engine.removed} == {"services", "configs", "networks"}
    assert not ensure(engine, state="absent")["changed"]


def test_failed_removal_is_reported(engine: RecordedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(stack_module.time, "monotonic", clock)
    monkeypatch.setattr(stack_module.time, "sleep", lambda _: setattr(clock, "now", clock.now + 30))
    engine.show("waiting", networks=[{"Id": "net"}])
    monkeypatch.setattr(engine, "remove", lambda _: (400, {"message": "network is in use"}))

    with pytest.raises(
        stack_module.StackError, match="still exist after a minute: the engine reports: network is in use"
    ):
        ensure(engine, state="absent")


def test_a_label_is_added_to_those_of_a_node(engine: RecordedEngine) -> None:
    node = {"ID": "n1", "Version": {"Index": 7}, "Spec": {"Role": "worker", "Labels": {"room": "cellar"}}}
    engine.show("waiting", **{"nodes/n1": node, "nodes/n2": {"message": "gone"}})

    with api.Engine(engine.path) as opened:
        stack_module.label_nodes(opened, {"n1": {"csvswarm.image": "x"}, "n2": {"csvswarm.image": "x"}})

    spec = {"Role": "worker", "Labels": {"room": "cellar", "csvswarm.image": "x"}}
    assert engine.posted == [("/nodes/n1/update?version=7", spec)]

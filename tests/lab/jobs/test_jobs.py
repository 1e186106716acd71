"""Jobs on the boards: the same commands, messages and bytes as on one machine."""

from __future__ import annotations

import os
import uuid
from itertools import pairwise
from typing import Any

import pytest

from tests.lab.kit.control_node import ControlNode
from tests.lab.kit.lab import Lab

MINE = """
import pandas as pd

def process(block, context):
    late = block[block["dep_delay"] > 30]
    return late.groupby("carrier", as_index=False).agg(flights=("flight", "size"), worst=("dep_delay", "max"))

def combine(partials, context):
    return pd.concat(partials).groupby("carrier", as_index=False).agg({"flights": "sum", "worst": "max"})
"""
# The other tests run transform.
JOBS: dict[str, dict[str, Any]] = {
    "statistics": {},
    "aggregate": {
        "options": {"group_by": ["carrier"], "metrics": {"dep_delay": ["mean", "median"], "tailnum": "nunique"}}
    },
    "./mine.py": {},
}


@pytest.mark.parametrize("processor", JOBS)
def test_result_has_the_bytes_of_the_local_engine(control_node: ControlNode, processor: str) -> None:
    (control_node.place / "mine.py").write_text(MINE)
    variables = JOBS[processor] | {"processor": processor, "chunks": 3}

    assert control_node.run("swarm", **variables).files == control_node.run("local", **variables).files


def test_chunks_are_spread_as_reserved(control_node: ControlNode, reachable_lab: Lab) -> None:
    variables: dict[str, Any] = {
        "processor": "transform",
        "options": {"assign": {"gained": "dep_delay - arr_delay"}, "where": "distance > 500"},
        "chunks": 24,
    }

    run = control_node.run("swarm", **variables)

    assert run.files == control_node.run("local", **variables).files
    attempts = run.counted_attempts
    by_board: dict[str, list[dict[str, Any]]] = {}
    for attempt in sorted(attempts, key=lambda one: one["started"]):
        by_board.setdefault(attempt["board"], []).append(attempt)
    assert len(attempts) == 24
    # All boards take part, the one with Debian 12 too; a board has one core, so its attempts follow each other.
    assert sorted(by_board) == ["board1", "board2", "board3"]
    for shares in by_board.values():
        assert all(before["ended"] <= after["started"] for before, after in pairwise(shares))
    # Nothing still runs.
    assert reachable_lab.leftovers(run.report["job_id"]) == ""


def test_missing_processor_has_the_message_of_the_local_engine(control_node: ControlNode) -> None:
    job = f"nowhere-{os.getpid()}"

    swarm, local = (control_node.run(engine, job, processor="./nowhere.py") for engine in ("swarm", "local"))

    assert swarm.message == local.message


def test_bad_record_is_refused_or_rejected_and_nothing_is_sent_twice(control_node: ControlNode) -> None:
    rows = "1,2\n" * 9000
    (control_node.place / "bad.csv").write_text(f"{uuid.uuid4()},b\n{rows}1,2,3\n{rows}")
    variables: dict[str, Any] = {"input": "bad.csv", "chunks": 2, "processor": "transform"}
    job = f"bad-{os.getpid()}"

    refused = control_node.run("swarm", job, **variables)
    aside = control_node.run("swarm", on_error="quarantine", **variables)

    assert refused.message == control_node.run("local", job, **variables).message
    assert aside.files == control_node.run("local", on_error="quarantine", **variables).files
    assert aside.files["rejected.csv"].count(b"\n") == 2
    assert "Send the input" in refused.output
    assert "Send the" not in aside.output
    assert "Build" not in aside.output

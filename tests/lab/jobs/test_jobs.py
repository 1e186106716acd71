"""Jobs on the boards: the same commands, messages and bytes as on one machine."""

from __future__ import annotations

import os
import uuid
from itertools import pairwise
from typing import Any

import pytest

from tests.lab.kit.control_node import Desk
from tests.lab.kit.lab import Lab

MINE = """
import pandas as pd

def process(block, context):
    late = block[block["dep_delay"] > 30]
    return late.groupby("carrier", as_index=False).agg(flights=("flight", "size"), worst=("dep_delay", "max"))

def combine(partials, context):
    return pd.concat(partials).groupby("carrier", as_index=False).agg({"flights": "sum", "worst": "max"})
"""
# Those of the other tests are run by transform.
JOBS: dict[str, dict[str, Any]] = {
    "statistics": {},
    "aggregate": {
        "options": {"group_by": ["carrier"], "metrics": {"dep_delay": ["mean", "median"], "tailnum": "nunique"}}
    },
    "./mine.py": {},
}


@pytest.mark.parametrize("processor", JOBS)
def test_the_same_bytes_as_on_one_machine(desk: Desk, processor: str) -> None:
    (desk.place / "mine.py").write_text(MINE)
    said = JOBS[processor] | {"processor": processor, "chunks": 3}

    assert desk.run("swarm", **said).files == desk.run("local", **said).files


def test_chunks_are_spread_as_reserved(desk: Desk, reached: Lab) -> None:
    said: dict[str, Any] = {
        "processor": "transform",
        "options": {"assign": {"gained": "dep_delay - arr_delay"}, "where": "distance > 500"},
        "chunks": 24,
    }

    run = desk.run("swarm", **said)

    assert run.files == desk.run("local", **said).files
    attempts = run.counting
    by_board: dict[str, list[dict[str, Any]]] = {}
    for attempt in sorted(attempts, key=lambda one: one["started"]):
        by_board.setdefault(attempt["board"], []).append(attempt)
    assert len(attempts) == 24
    # All boards take part, the one with Debian 12 too; a board has one core, so its attempts follow each other.
    assert sorted(by_board) == ["board1", "board2", "board3"]
    for shares in by_board.values():
        assert all(before["ended"] <= after["started"] for before, after in pairwise(shares))
    # Nothing is left running.
    assert reached.left(run.report["job_id"]) == ""


def test_a_processor_that_is_not_there_is_told_as_on_one_machine(desk: Desk) -> None:
    job = f"nowhere-{os.getpid()}"

    swarm, local = (desk.run(engine, job, processor="./nowhere.py") for engine in ("swarm", "local"))

    assert swarm.message == local.message


def test_a_bad_record_is_refused_or_set_aside_and_nothing_is_sent_twice(desk: Desk) -> None:
    rows = "1,2\n" * 9000
    (desk.place / "bad.csv").write_text(f"{uuid.uuid4()},b\n{rows}1,2,3\n{rows}")
    said: dict[str, Any] = {"input": "bad.csv", "chunks": 2, "processor": "transform"}
    job = f"bad-{os.getpid()}"

    refused = desk.run("swarm", job, **said)
    aside = desk.run("swarm", on_error="quarantine", **said)

    assert refused.message == desk.run("local", job, **said).message
    assert aside.files == desk.run("local", on_error="quarantine", **said).files
    assert aside.files["rejected.csv"].count(b"\n") == 2
    assert "Send the input" in refused.output
    assert "Send the" not in aside.output
    assert "Build" not in aside.output

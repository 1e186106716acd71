"""Jobs on the boards: the same commands, messages and bytes as on one machine."""

from __future__ import annotations

import os
import uuid
from itertools import pairwise
from typing import Any

import pytest
from lab_kit.desk import Desk
from lab_kit.lab import Lab

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


BAD = "a,b\n" + "1,2\n" * 9000 + "1,2,3\n" + "1,2\n" * 9000
# In one chunk alone: of several that fail at once, the first to be heard of is told.
FAILING = """
def process(block, context):
    return block.assign(c=block["nothing"]) if context.chunk == 2 else block
"""
MISTAKES: dict[str, dict[str, Any]] = {
    "a processor that is not there": {"processor": "./nowhere.py"},
    "a column that is not there": {
        "processor": "aggregate",
        "options": {"group_by": ["nobody"], "metrics": {"b": "sum"}},
    },
    "a bad record": {"input": "bad.csv"},
    "a processor that fails": {"processor": "./failing.py"},
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_same_message_as_on_one_machine(desk: Desk, mistake: str) -> None:
    (desk.place / "bad.csv").write_text(BAD)
    (desk.place / "failing.py").write_text(FAILING)
    job = f"mistake-{os.getpid()}-{list(MISTAKES).index(mistake)}"

    swarm, local = (desk.run(engine, job, chunks=3, workers=1, **MISTAKES[mistake]) for engine in ("swarm", "local"))

    assert swarm.message == local.message


def test_bad_records_are_set_aside_and_nothing_is_sent_twice(desk: Desk) -> None:
    (desk.place / "bad.csv").write_text(f"{uuid.uuid4()},b\n{BAD}")
    said: dict[str, Any] = {"input": "bad.csv", "on_error": "quarantine", "chunks": 2, "processor": "transform"}

    first, second = desk.run("swarm", **said), desk.run("swarm", **said)

    assert first.files == second.files == desk.run("local", **said).files
    assert first.files["rejected.csv"].count(b"\n") == 2
    assert "Send the input" in first.output
    assert "Send the" not in second.output
    assert "Build" not in second.output

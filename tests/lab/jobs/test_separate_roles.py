"""Jobs where the manager is not the server of the share, this machine has no engine, or that do not go well."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from typing import Any

import pytest

from tests.lab.kit.control_node import BASE, SAMPLE, Desk
from tests.lab.kit.lab import SHARE, Lab
from tests.lab.kit.polling import until

SLOW = """
import time

def process(block, context):
    time.sleep(6)
    return block[["carrier", "flight"]]
"""


# In one chunk alone: of several that fail at once, the first failure seen is reported.
FAILING = """
def process(block, context):
    return block.assign(c=block["nothing"]) if context.chunk == 2 else block
"""


@pytest.fixture
def base(desk: Desk, reached: Lab) -> str:
    """The base of the image on the board that builds, as if it had been pulled there; its name makes the image new."""
    name = f"csvswarm-base:{uuid.uuid4().hex[:8]}"
    archive = desk.place / "base.tar"
    subprocess.run(["docker", "tag", BASE, name], check=True)
    subprocess.run(["docker", "save", "--output", archive, name], check=True)
    subprocess.run(["docker", "rmi", name], check=True, capture_output=True)
    with archive.open("rb") as file:
        subprocess.run([*reached.manager.ssh, "sudo docker load"], stdin=file, check=True)
    return name


def test_a_board_builds_the_image(desk: Desk, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{desk.place}/nobody-listens")
    said: dict[str, Any] = {"processor": "statistics", "chunks": 3}

    run = desk.run("swarm", image_base=base, **said)

    assert run.files == desk.run("local", **said).files
    assert "Build the image, and put it on the share" in run.output


def test_an_input_that_lies_on_the_share(desk: Desk, reached: Lab) -> None:
    folder = f"{SHARE}/sets of mine"
    reached.server.sh(f"mkdir -p '{folder}'")
    with SAMPLE.open("rb") as file:
        put = f"sudo tee '{folder}/flights.csv' >/dev/null"
        subprocess.run([*reached.server.ssh, put], stdin=file, check=True)
    said: dict[str, Any] = {"processor": "transform", "options": {"where": "distance > 1000"}, "chunks": 3}

    run = desk.run("swarm", input="share:sets of mine/flights.csv", **said)

    assert run.files == desk.run("local", **said).files
    assert "Send the input" not in run.output


def test_a_job_that_was_interrupted_is_resumed(desk: Desk) -> None:
    (desk.place / "slow.py").write_text(SLOW)
    said: dict[str, Any] = {"processor": "./slow.py", "chunks": 6}
    job = f"stopped-{os.getpid()}"
    begun = desk.begin(job, said)
    # One chunk is done at least.
    until("chunks are done", lambda: begun.has_ended or re.search(r"^chunks [1-9]", begun.output, re.MULTILINE), 900)
    begun.interrupt()
    assert begun.end(120) != 0, begun.output
    assert begun.output.splitlines()[-1].startswith(f"Only the watching has ended: job {job} continues on the boards.")

    again = desk.run("swarm", job, **said)

    assert again.files == desk.run("local", **said).files
    # Chunks done before the interruption were not reprocessed.
    attempts = again.counting
    first = [attempt for attempt in attempts if attempt["ended"] < max(a["started"] for a in attempts)]
    assert first
    assert len({attempt["chunk"] for attempt in attempts}) == len(attempts) == 6


FAILURES: dict[str, dict[str, Any]] = {
    "a processor that fails": {"processor": "./failing.py"},
    "a column that is not there": {
        "processor": "aggregate",
        "options": {"group_by": ["nobody"], "metrics": {"b": "sum"}},
    },
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_told_as_on_one_machine(desk: Desk, failure: str) -> None:
    (desk.place / "failing.py").write_text(FAILING)
    job = f"failing-{os.getpid()}-{list(FAILURES).index(failure)}"

    swarm, local = (desk.run(engine, job, chunks=3, workers=1, **FAILURES[failure]) for engine in ("swarm", "local"))

    assert swarm.message == local.message

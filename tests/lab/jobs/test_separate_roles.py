"""Jobs whose manager is not the server of the share: with other images, packages or inputs, interrupted, or failing."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from typing import Any

import pytest

from tests.lab.kit.control_node import BASE, SAMPLE, ControlNode
from tests.lab.kit.lab import SHARE, Lab
from tests.lab.kit.polling import wait_until
from tests.support.packages import LEARNING, SCORES

SLOW = """
import time

def process(block, context):
    time.sleep(6)
    return block[["carrier", "flight"]]
"""


# In only one chunk: of several that fail, the first failure seen is reported.
FAILING = """
def process(block, context):
    return block.assign(c=block["nothing"]) if context.chunk == 2 else block
"""


@pytest.fixture
def base(control_node: ControlNode, reachable_lab: Lab) -> str:
    """The base of the image on the board that builds, as if pulled there; its name makes the image a new one."""
    name = f"csvswarm-base:{uuid.uuid4().hex[:8]}"
    archive = control_node.place / "base.tar"
    subprocess.run(["docker", "tag", BASE, name], check=True)
    subprocess.run(["docker", "save", "--output", archive, name], check=True)
    subprocess.run(["docker", "rmi", name], check=True, capture_output=True)
    with archive.open("rb") as file:
        subprocess.run([*reachable_lab.manager.ssh, "sudo docker load"], stdin=file, check=True)
    return name


def test_board_builds_the_image(control_node: ControlNode, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{control_node.place}/nobody-listens")
    variables: dict[str, Any] = {"processor": "statistics", "chunks": 3}

    run = control_node.run("swarm", image_base=base, **variables)

    assert run.files == control_node.run("local", **variables).files
    assert "Build the image and copy it to the share" in run.output


def test_packages_of_a_processor(control_node: ControlNode) -> None:
    """scikit-learn, scipy and statsmodels are a layer of the image; boards have no index."""
    (control_node.place / "points.csv").write_text("x\n" + "".join(f"{number / 10}\n" for number in range(-30, 31)))
    (control_node.place / "packages.txt").write_text(LEARNING)
    (control_node.place / "scores.py").write_text(SCORES)
    variables: dict[str, Any] = {
        "input": "points.csv",
        "processor": "./scores.py",
        "requirements": "packages.txt",
        "chunks": 3,
    }

    run = control_node.run("swarm", **variables)

    assert run.files == control_node.run("local", **variables).files
    assert {"scikit-learn", "scipy", "statsmodels"} <= run.report["packages"]["versions"].keys()
    assert run.files["result.csv"].splitlines()[-1] == b"3.0,7.0,0.99865,2.0"


def test_input_on_the_share(control_node: ControlNode, reachable_lab: Lab) -> None:
    folder = f"{SHARE}/sets of mine"
    reachable_lab.server.sh(f"mkdir -p '{folder}'")
    with SAMPLE.open("rb") as file:
        put = f"sudo tee '{folder}/flights.csv' >/dev/null"
        subprocess.run([*reachable_lab.server.ssh, put], stdin=file, check=True)
    variables: dict[str, Any] = {"processor": "transform", "options": {"where": "distance > 1000"}, "chunks": 3}

    run = control_node.run("swarm", input="share:sets of mine/flights.csv", **variables)

    assert run.files == control_node.run("local", **variables).files
    assert "Send the input" not in run.output


def test_interrupted_job_is_resumed(control_node: ControlNode) -> None:
    (control_node.place / "slow.py").write_text(SLOW)
    variables: dict[str, Any] = {"processor": "./slow.py", "chunks": 6}
    job = f"stopped-{os.getpid()}"
    playbook = control_node.start(job, variables)
    # At least one chunk is done.
    wait_until(
        "chunks are done", lambda: playbook.has_ended or re.search(r"^chunks [1-9]", playbook.output, re.MULTILINE), 900
    )
    playbook.interrupt()
    assert playbook.end(120) != 0, playbook.output
    assert playbook.output.splitlines()[-1].startswith(f"No longer watching: job {job} continues on the boards.")

    resumed = control_node.run("swarm", job, **variables)

    assert resumed.files == control_node.run("local", **variables).files
    # Chunks done before the interruption were not reprocessed.
    attempts = resumed.counted_attempts
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
def test_failure_has_the_message_of_the_local_engine(control_node: ControlNode, failure: str) -> None:
    (control_node.place / "failing.py").write_text(FAILING)
    job = f"failing-{os.getpid()}-{list(FAILURES).index(failure)}"

    swarm, local = (
        control_node.run(engine, job, chunks=3, workers=1, **FAILURES[failure]) for engine in ("swarm", "local")
    )

    assert swarm.message == local.message

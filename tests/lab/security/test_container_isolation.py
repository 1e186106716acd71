"""A malicious processor can only waste its own job from inside its container."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.kit.control_node import SAMPLE, ControlNode
from tests.lab.kit.lab import SHARE, Lab

JOB = f"intruder-{uuid.uuid4().hex[:8]}"
TRAP = "/etc/csvswarm-trap"
#: Files that would give a processor control of a manager if the driver or the control node obeyed them.
FORGED = {"format": 1, "stage": "done", "image": "debian:trixie", "owner": 0, "input_source": "/", "error": "\x1b[2J"}
#: Expected outcome of each attempt. Numbers are errno values: 1 is EPERM, 2 ENOENT, 13 EACCES, 30 EROFS,
#: 101 ENETUNREACH.
REFUSED = {
    "uid": "got 8765",
    "become root": "PermissionError 1",
    "become the group root": "PermissionError 1",
    "capabilities": f"got {['0' * 16] * 5}",
    "new privileges": "got 1",
    "mount": "PermissionError 1",
    "make a device": "PermissionError 1",
    "change the host's name": "PermissionError 1",
    "set the clock": "PermissionError 1",
    "change the kernel": "OSError 30",
    "restart the board": "OSError 30",
    "load a module": "PermissionError 1",
    "see other processes": "got []",
    "processes": "got refused",
    "write beside the system": "OSError 30",
    "write into the system": "OSError 30",
    "change the scripts": "PermissionError 13",
    # The server's own disk returns the first, the share the second.
    "change the input": "OSError 30 or PermissionError 13",
    "see other jobs": "got []",
    "read another job": "FileNotFoundError 2",
    "see the share": "got ['jobs']",
    "see the results": "FileNotFoundError 2",
    "write on the board's disk": "OSError 30",
    "query the engine": "FileNotFoundError 2",
    "find a disk": "got []",
    "ways out": "got []",
    "raw packets": "PermissionError 1",
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, reachable_lab: Lab) -> Iterator[dict[str, str]]:
    """The intruder's report of its tries, each once on every board that it ran on."""
    control_node = ControlNode(tmp_path_factory.mktemp("control_node"))
    shutil.copy(Path(__file__).with_name("malicious_processor.py"), control_node.place)
    other = f"{SHARE}/jobs/somebody-else"
    reachable_lab.server.sh(f"rm -f {TRAP}; mkdir -p {other} && echo secret >{other}/secret && chown -R 8765 {other}")
    run = control_node.run(
        "swarm",
        JOB,
        processor="./malicious_processor.py",
        chunks=1,
        options={
            "boards": reachable_lab.addresses,
            "elsewhere": f"{other}/secret",
            "job": f"{SHARE}/jobs/{JOB}",
            "input": str(SAMPLE),
            "traps": {"tasks-0001.json": TRAP, "round-0002.json": TRAP, "logs": "/etc"},
            "forged": {name: json.dumps(FORGED) for name in (".status.json", "status.json", "request.json")},
        },
    )
    table = csv.DictReader(io.StringIO(run.files["result.csv"].decode()))
    yield {row["what"]: row["outcome"] for row in table}
    reachable_lab.server.sh(f"rm -r {other}")


@pytest.mark.parametrize("what", REFUSED)
def test_malicious_job_is_refused(outcomes: dict[str, str], what: str) -> None:
    assert outcomes[what] in REFUSED[what].split(" or ")


def test_no_board_is_reached(outcomes: dict[str, str], reachable_lab: Lab) -> None:
    knocks = {what: outcome for what, outcome in outcomes.items() if what.startswith("reach ")}

    assert len(knocks) == 6 * len(reachable_lab.boards)
    assert set(knocks.values()) == {"OSError 101"}


def test_every_attack_was_checked(outcomes: dict[str, str]) -> None:
    assert {what for what in outcomes if not what.startswith("reach ")} == REFUSED.keys()


@pytest.mark.usefixtures("outcomes")
def test_root_follows_no_link(reachable_lab: Lab) -> None:
    for board in reachable_lab.boards.values():
        assert board.succeeds(f"[ ! -e {TRAP} ]")


def test_forged_files_have_no_effect(outcomes: dict[str, str], reachable_lab: Lab) -> None:
    """A status or a request in its own directory does not count, and the output directory is not visible to it."""
    assert outcomes["see the results"] == "FileNotFoundError 2"
    status = json.loads(reachable_lab.server.sh(f"cat {SHARE}/results/{JOB}/.status.json"))
    assert (status["job"], status["stage"], status["error"]) == (JOB, "done", None)
    assert reachable_lab.leftovers(JOB) == ""


@pytest.mark.usefixtures("outcomes")
def test_files_belong_to_no_login_user(reachable_lab: Lab) -> None:
    owners = reachable_lab.server.sh(f"find {SHARE}/jobs/{JOB} ! -type l -printf '%U %m\\n' | sort -u").splitlines()

    assert {line.split()[0] for line in owners} == {"8765"}
    # No program of another user, and none that others may change.
    assert not [line for line in owners if re.fullmatch(r"8765 ([2-7]...|..?[2367])", line)]

"""What preflight finds of the boards' swarms is refused before any board is changed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
import pytest
import yaml

from tests.roles import swarm_answers as answers
from tests.roles.conftest import ROLES, load
from tests.roles.playing import ROOT, play, words

CLUSTER = answers.MANAGER["Cluster"]["ID"]
PROBE = jinja2.Environment(autoescape=False).from_string(
    yaml.safe_load((ROLES / "swarm_manager/vars/main.yml").read_text()).get("__swarm_manager_probe", "")
)
ADDRESSES = {"b1": "10.99.0.1", "b2": "10.99.0.2", "b3": "10.99.0.3"}
NODES = ["x1jcx9lb1305a27adufhyrj13", "psdlth14y7xmfo7gkf6a2zuig", "jvyxh4kt3udb0dpexua20bkvk"]
POOL = answers.MANAGER["Cluster"] | {"DefaultAddrPool": ["10.77.0.0/16"], "SubnetSize": 21}
OWN_FOREIGN = answers.answer(NodeID="n9", NodeAddr="10.99.0.3", Cluster={"ID": "foreign", "Spec": {"Labels": None}})
UNKNOWN = "swarm-info \n"  # an engine that is off
MOVED = answers.answer(**answers.WORKER | {"NodeAddr": "10.0.0.9"})
GONE = MOVED | {"NodeID": "gone"}


@pytest.fixture(scope="module")
def found() -> ModuleType:
    return load("swarm_manager", "swarm_found")


def printed(swarm: dict[str, Any], organization: str = CLUSTER) -> str:
    """Return what the script prints for an engine with this answer."""
    lines = [f"swarm-info /var/lib/docker {json.dumps(swarm, separators=(',', ':'))}"]
    if swarm["ControlAvailable"]:
        lines += [f"swarm-node {node}" for node in NODES]
    return "\n".join([*lines, f"swarm-organization {organization}", ""])


def preflight(folder: Path, seen: dict[str, str], share: str = "id-1", **variables: Any) -> str:
    """Run the last play of preflight on boards with these answers to its questions; return its output.

    Every task that reaches a board fails.
    """
    [*_, checks] = yaml.safe_load((ROOT / "playbooks/preflight.yml").read_text())
    checks["vars_files"] = [str(ROOT / "playbooks/vars/cluster.yml")]
    passed = {"name": "Passed", "ansible.builtin.debug": {"msg": "no swarm is refused"}}
    checks["tasks"].append(passed)
    (folder / "play.json").write_text(json.dumps([checks]))
    own = {"ansible_connection": "local", "ansible_python_interpreter": "/bin/false", "csvswarm_fit": True}
    hosts = {
        board: own | {"board_address": ADDRESSES[board], "board_seen": {"answers": text}}
        for board, text in seen.items()
    }
    if share:
        hosts["b1"]["nfs_server_cluster"] = share
    managers = variables.pop("managers", ["b1"])
    groups = {"swarm_manager": managers, "swarm_worker": [b for b in seen if b not in managers], "nfs_server": ["b1"]}
    children = {group: {"hosts": dict.fromkeys(boards)} for group, boards in groups.items()}
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "children": children}}))
    return words(
        play(
            folder / "play.json",
            "-i",
            folder / "hosts.json",
            "-e",
            json.dumps(variables),
            ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"),
            ANSIBLE_FILTER_PLUGINS=str(ROOT / "plugins/filter"),
        )
    )


MEMBER = printed(answers.WORKER)


@pytest.mark.parametrize(
    ("seen", "variables", "expected"),
    [
        ({"b1": printed(answers.FOREIGN), "b3": ""}, {}, "b1 manages a swarm that is not this cluster's"),
        ({"b1": printed(answers.MANAGER)}, {"share": ""}, "'id-1', not 'a new share'"),
        ({"b1": printed(answers.answer(Cluster=POOL))}, {}, "b1 manages a swarm with the address pool 10.77.0.0/16"),
        (
            {"b1": printed(answers.MANAGER), "b3": printed(MOVED)},
            {},
            "b3 has the address 10.99.0.3, and the swarm reaches it at 10.0.0.9",
        ),
        (
            {"b1": printed(answers.MANAGER), "b3": printed(OWN_FOREIGN, "foreign")},
            {},
            f"b3 belongs to another swarm (foreign, this cluster is {CLUSTER}). If it should move here, rerun with -e",
        ),
        ({"b1": "", "b3": MEMBER}, {}, f"b3 belongs to another swarm ({CLUSTER}, this cluster has none)"),
        (
            {"b1": printed(answers.MANAGER), "b2": "", "b3": printed(OWN_FOREIGN, "foreign")},
            {"managers": ["b1", "b2", "b3"]},
            "b3 belongs to another swarm",
        ),
    ],
)
def test_a_swarm_is_refused_before_any_change(
    tmp_path: Path, seen: dict[str, str], variables: dict[str, Any], expected: str
) -> None:
    output = preflight(tmp_path, seen, **variables)

    assert expected in output
    assert "no swarm is refused" not in output
    assert "deserialization" not in output, "a task reached a board"


@pytest.mark.parametrize(
    ("seen", "variables"),
    [
        # Bare boards, one of which has left a swarm.
        ({"b1": "", "b2": "", "b3": printed(answers.NONE, "left")}, {"share": ""}),
        # A new board, and one that the swarm no longer knows, which rejoins with its new address.
        ({"b1": printed(answers.MANAGER), "b2": "", "b3": printed(GONE)}, {}),
        (
            {"b1": printed(answers.FOREIGN), "b3": printed(OWN_FOREIGN, "foreign")},
            {"swarm_manager_adopt": True, "swarm_worker_leave_other": True},
        ),
        # The share is restored from a backup first.
        ({"b1": printed(answers.MANAGER), "b3": MEMBER}, {"share": "", "csvswarm_restored_id": "id-1"}),
        # A manager's engine is off or has just started: the role queries it later.
        ({"b1": UNKNOWN, "b2": "", "b3": MEMBER}, {"managers": ["b1", "b2", "b3"]}),
        ({"b1": printed(answers.answer(LocalNodeState="pending", Cluster=None)), "b3": MEMBER}, {}),
    ],
)
def test_the_cluster_s_own_swarm_and_bare_boards_pass(
    tmp_path: Path, seen: dict[str, str], variables: dict[str, Any]
) -> None:
    output = preflight(tmp_path, seen, **variables)

    assert "no swarm is refused" in output, output
    assert "failed=1" not in output
    assert "deserialization" not in output, "a task reached a board"


PROGRAMS = {
    "systemctl": "exit 0",
    "docker": """case $1 in
        info) printf '%s\\n' "/srv/docker data $SWARM" ;;
        node) printf 'swarm-node n1\\nswarm-node n2\\n' ;;
        esac""",
    "openssl": """for last; do :; done
        [ "$last" = "/srv/docker data/swarm/certificates/swarm-node.crt" ] || exit 1
        printf 'subject=\\n    organizationName          = dnc97sua\\n    commonName                = n1\\n'""",
}


def run(folder: Path, programs: dict[str, str], swarm: dict[str, Any], shell: str = "sh") -> str:
    """Run the script as the role board does, inside a here-document, with these programs before the machine's."""
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    done = subprocess.run(
        [shell, "-c", f"cat <<ANSWERS\n$({PROBE.render()}\n)\nANSWERS\n"],
        env={"PATH": f"{folder}:{os.environ['PATH']}", "SWARM": json.dumps(swarm, separators=(",", ":"))},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_script_reports_the_swarm(found: ModuleType, tmp_path: Path, shell: str) -> None:
    root = {"TLSInfo": {"TrustRoot": "-----BEGIN CERTIFICATE-----\nMIIB\n"}}
    swarm = answers.answer(Cluster=answers.MANAGER["Cluster"] | root)
    manager = found.swarm_found("package x\n" + run(tmp_path, PROGRAMS, swarm, shell))
    worker = found.swarm_found(run(tmp_path, PROGRAMS, answers.WORKER, shell))
    left = found.swarm_found(run(tmp_path, PROGRAMS, answers.NONE, shell))

    assert manager["swarm"] == swarm
    assert (manager["known"], manager["manages"]) == (True, True)
    assert (manager["organization"], manager["nodes"]) == ("dnc97sua", ["n1", "n2"])
    assert (worker["swarm"], worker["manages"], worker["nodes"]) == (answers.WORKER, False, [])
    assert worker["organization"] == "dnc97sua"
    assert (left["known"], left["organization"]) == (True, "")


def test_an_engine_that_is_off_is_neither_started_nor_taken_for_none(found: ModuleType, tmp_path: Path) -> None:
    stopped = {"systemctl": "exit 3", "docker": f"touch {tmp_path}/started"}

    off = found.swarm_found(run(tmp_path, stopped, answers.MANAGER))

    assert (off["known"], off["swarm"]) == (False, {})
    assert not (tmp_path / "started").exists()


def test_a_bare_board_prints_nothing(found: ModuleType) -> None:
    script = PROBE.render().replace("command -v docker", "command -v no-such-engine")

    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, timeout=30)

    assert (done.stdout, done.stderr) == ("", "")
    bare = found.swarm_found(done.stdout)
    assert (bare["known"], bare["manages"], bare["swarm"]) == (True, False, {"LocalNodeState": "inactive"})


def test_the_role_board_asks_for_the_swarm() -> None:
    """The questions of the play that inspects the boards, in the order of the files of its variables."""
    inspect = yaml.safe_load((ROOT / "playbooks/preflight.yml").read_text())[2]
    variables = yaml.safe_load((ROOT / "playbooks/vars/cluster.yml").read_text())

    assert "../roles/swarm_manager/vars/main.yml" in inspect["vars_files"]
    assert "__swarm_manager_probe" in variables["csvswarm_engine_questions"]


@pytest.mark.parametrize(
    ("role", "check", "change"),
    [
        ("swarm_manager", "import_tasks: leader.yml", "include_tasks: lead.yml"),
        ("swarm_worker", "import_tasks: refuse.yml", "name: Leave a foreign swarm"),
    ],
)
def test_a_role_alone_refuses_before_it_changes_anything(role: str, check: str, change: str) -> None:
    tasks = (ROLES / role / "tasks/present.yml").read_text()

    assert tasks.index(check) < tasks.index(change)

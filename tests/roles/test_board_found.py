"""Problems that preflight finds on a board besides Ansible's facts, and the order of Swarm's networks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.roles import swarm_answers as answers
from tests.roles.conftest import ROLES, load
from tests.roles.test_status_filters import GROUPS, cluster

LOOK = yaml.safe_load((ROLES / "board/vars/main.yml").read_text())["__board_look"]
CHAINS = """table ip filter {
	chain INPUT {
		type filter hook input priority filter; policy drop;
	}
}
table inet mine {
	chain in {
		type filter hook input priority filter; policy drop;
	}
	chain out {
		type filter hook output priority filter; policy drop;
	}
}
table inet f2b {
	chain in {
		type filter hook input priority filter - 1; policy accept;
	}
}
"""


@pytest.fixture(scope="module")
def found() -> ModuleType:
    return load("board", "found")


@pytest.mark.parametrize(
    ("words", "controllers", "allowed", "problem"),
    [
        ("cmdline", ["memory"], False, ""),
        ("cloud-init", ["memory"], False, ""),
        ("no-modules", ["memory"], False, "reboot the board"),
        ("cmdline", ["cpu"], False, ""),  # the role switches it on
        ("", ["cpu"], False, "memory controller off"),
        ("firewall:firewalld", ["memory"], False, "has a firewall of its own (firewalld)"),
        ("firewall:inet/mine", ["memory"], False, "(inet/mine), which drops"),
        ("firewall:inet/mine", ["memory"], True, ""),
    ],
)
def test_what_is_refused(found: ModuleType, words: str, controllers: list[str], allowed: bool, problem: str) -> None:
    problems = found.board_found_problems(words, controllers, allowed)

    assert len(problems) == bool(problem)
    assert problem in "".join(problems)


def test_the_script_names_firewalls_that_drop_and_not_iptables_own(tmp_path: Path) -> None:
    for name, script in {"nft": f"cat {tmp_path}/chains", "systemctl": "exit 0", "uname": "echo 1-gone"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "chains").write_text(CHAINS)

    done = subprocess.run(
        ["sh", "-c", f"echo $({LOOK})"],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert [word for word in done.stdout.split() if word.startswith("firewall")] == [
        "firewall:firewalld",
        "firewall:inet/mine",
    ]


def test_two_boards_that_are_one_node_are_named(status: ModuleType) -> None:
    node = {"NodeID": "n1", "LocalNodeState": "active", "ControlAvailable": False, "Error": ""}

    problems = status.status_problems(cluster(b2={"node": node}), GROUPS)

    assert any("b1, b2 are the same node of the swarm (n1)" in problem for problem in problems)


@pytest.mark.parametrize(
    ("pool", "size", "refused"),
    [
        (["10.213.0.0/16"], 21, False),
        (["10.214.0.0/16"], 21, True),
        (["10.213.0.0/16"], 24, True),
    ],
)
def test_a_pool_that_a_swarm_does_not_have_is_refused(
    leading: ModuleType, pool: list[str], size: int, refused: bool
) -> None:
    swarm = answers.MANAGER | {
        "Cluster": answers.MANAGER["Cluster"] | {"DefaultAddrPool": ["10.213.0.0/16"], "SubnetSize": 21}
    }

    problem = leading.pool_problem(swarm, "b1", pool, size)

    assert ("set swarm_manager_address_pool" in problem) == refused
    assert leading.pool_problem(answers.NONE, "b1", pool, size) == ""

"""The health of the cluster, from what boards report."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tests.roles.swarm_answers import EXPIRED, EXPIRED_MANAGER, QUORUM_LOST, QUORUM_LOST_BOOTED

GROUPS = {"swarm_manager": ["b1"], "swarm_worker": ["b2"], "nfs_server": ["b1"]}


def report(**changes: Any) -> dict[str, Any]:
    return {
        "up_seconds": 7200,
        "load": 0.5,
        "memory_mb": 990,
        "memory_free_mb": 800,
        "disk_free_mb": 6000,
        "share": "id-1",
        "share_mount": "nfs4 rw",
        "share_free_mb": 6000,
        "clock_offset": 0.001,
        "docker": "active",
        "engine": "26.1.5",
        "firewall": 1,
        "failed_units": [],
        "node": {"NodeID": "n2", "LocalNodeState": "active", "ControlAvailable": False, "Error": ""},
        "certificate_days": 3640.5,
        "nodes": [],
    } | changes


def cluster(b1: dict[str, Any] | None = None, b2: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    nodes = [
        {"ID": "n1", "Hostname": "b1", "Status": "Ready", "Availability": "Active"},
        {"ID": "n2", "Hostname": "b2", "Status": "Ready", "Availability": "Active"},
    ]
    node = {"NodeID": "n1", "LocalNodeState": "active", "ControlAvailable": True, "Error": ""}
    manager = {"node": node, "nodes": nodes}
    return {"b1": report(**(manager | (b1 or {}))), "b2": report(**(b2 or {}))}


def test_a_healthy_cluster(status: ModuleType) -> None:
    assert status.status_problems(cluster(), GROUPS) == []
    header, b1, b2 = status.status_table(cluster(), GROUPS).splitlines()
    assert header.split()[:2] == ["board", "part"]
    assert "manager, NFS server" in b1
    assert "ready, active" in b2
    assert "2 h" in b2
    assert "3640 d" in b2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"share": ""}, "b2 has no share"),
        ({"share_free_mb": 20}, "remove old jobs"),
        ({"disk_free_mb": 20}, "docker system prune"),
        ({"clock_offset": -40.0}, "off by -40.0 s"),
        ({"firewall": 0}, "no firewall"),
        ({"failed_units": ["x.service"]}, "x.service"),
        ({"docker": "failed"}, "systemctl status docker"),
        ({"share": "id-2"}, "different shares"),
        ({"certificate_days": 9.5}, "b2 has a certificate for the swarm that expires in 9 days"),
        ({"certificate_days": -88.0}, "expired, since it was off for too long: run site.yml, and it rejoins"),
        ({"node": {"NodeID": "", "Error": EXPIRED}}, "b2 has a certificate for the swarm that expired"),
        ({"node": {"NodeID": "", "Error": "disk full"}}, "b2 is not a node in the swarm: run site.yml (disk full)"),
    ],
)
def test_problems_are_reported_with_remedies(status: ModuleType, change: dict[str, Any], words: str) -> None:
    problems = status.status_problems(cluster(b2=change), GROUPS)

    assert len(problems) == 1
    assert words in problems[0]


def test_unreachable_board(status: ModuleType) -> None:
    reports = cluster()
    reports["b1"]["nodes"][1]["Status"] = "Down"
    reports["b2"] = {}

    assert status.status_problems(reports, GROUPS) == ["b2 cannot be reached: is it on and connected?"]
    assert "cannot be reached" in status.status_table(reports, GROUPS)


def test_stale_node(status: ModuleType) -> None:
    reports = cluster()
    reports["b1"]["nodes"].append({"ID": "n0", "Hostname": "b2", "Status": "Down", "Availability": "Active"})

    [problem] = status.status_problems(reports, GROUPS)
    assert "docker node rm --force n0" in problem


def test_node_without_a_description(status: ModuleType) -> None:
    reports = cluster()
    reports["b1"]["nodes"].append({"ID": "n0", "Hostname": "", "Status": "Unknown", "Availability": "Active"})

    [problem] = status.status_problems(reports, GROUPS)
    assert "a node without a name (n0, unknown)" in problem


def test_no_manager(status: ModuleType) -> None:
    assert any("no manager answers" in p for p in status.status_problems(cluster(b1={"nodes": []}), GROUPS))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (EXPIRED_MANAGER, "run playbooks/recover.yml"),
        (QUORUM_LOST, "without a quorum"),
        (QUORUM_LOST_BOOTED, "without a quorum"),
    ],
)
def test_failing_manager_is_reported_with_the_reason(status: ModuleType, answer: dict[str, Any], words: str) -> None:
    problems = status.status_problems(cluster(b1={"nodes": [], "node": answer}), GROUPS)

    assert any(problem.startswith("b1") and words in problem for problem in problems)
    assert not any("no manager answers" in problem for problem in problems)


def test_expired_certificate_is_in_the_table(status: ModuleType) -> None:
    table = status.status_table(cluster(b2={"certificate_days": -1.0}), GROUPS)

    assert "expired" in table.splitlines()[2]

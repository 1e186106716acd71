"""Why a board cannot lead the swarm, or stay in it, each with what to do: from answers of real engines."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jinja2
import pytest
import yaml

from tests.roles import swarm_answers as answers
from tests.roles.playing import ROOT

BOARDS = {"b1": "10.99.0.1", "b2": "10.99.0.2", "b3": "10.99.0.3"}


@pytest.mark.parametrize("swarm", [answers.NONE, answers.MANAGER])
def test_bare_board_or_own_manager_may_lead(leading: ModuleType, swarm: dict[str, Any]) -> None:
    assert leading.lead_problem(swarm, "b1", BOARDS, "id-1") == ""


@pytest.mark.parametrize(
    ("swarm", "board", "expected"),
    [
        (answers.FOREIGN, "b1", ["not this cluster's", "swarm_manager_adopt=true"]),
        (
            answers.EXPIRED_MANAGER,
            "b1",
            ["expired on Sun, 30 Aug 2026 00:00:00 UTC", "playbooks/recover.yml"],
        ),
        (answers.QUORUM_LOST, "b1", ["without a quorum", "b2 (10.99.0.2)", "playbooks/recover.yml"]),
        (answers.QUORUM_LOST_BOOTED, "b1", ["without a quorum", "b2 (10.99.0.2)"]),
        (answers.QUORUM_LOST_DEMOTED, "b1", ["without a quorum", "unknown addresses"]),
        (
            answers.WORKER,
            "b3",
            ["no board of the group swarm_manager", "b1 (10.99.0.1)", "on b1: sudo docker node promote"],
        ),
        (answers.LOCKED, "b1", ["docker swarm unlock"]),
        (answers.answer(**answers.STOPPED, Error="disk full"), "b1", ["disk full", "journalctl -u docker"]),
    ],
)
def test_reasons_against_a_lead_manager(
    leading: ModuleType, swarm: dict[str, Any], board: str, expected: list[str]
) -> None:
    problem = leading.lead_problem(swarm, board, BOARDS, "id-1")

    assert problem.startswith(board)
    for words in expected:
        assert words in problem
    if swarm is not answers.FOREIGN:
        assert "not this cluster's" not in problem, "it is misread as a foreign swarm"


def test_worker_of_unknown_managers(leading: ModuleType) -> None:
    problem = leading.lead_problem(answers.WORKER, "b3", {"b3": "10.99.0.3"}, "id-1")

    assert "10.99.0.1, 10.99.0.2" in problem
    assert "swarm_worker_leave_other=true" in problem


def test_only_a_swarm_with_a_quorum_is_adopted(leading: ModuleType) -> None:
    assert leading.lead_problem(answers.FOREIGN, "b1", BOARDS, "id-1", adopt=True) == ""
    assert leading.lead_problem(answers.QUORUM_LOST, "b1", BOARDS, "id-1", adopt=True) != ""


def test_a_manager_whose_address_changed(leading: ModuleType) -> None:
    problem = leading.lead_problem(answers.MANAGER, "b1", BOARDS | {"b1": "10.99.0.77"}, "id-1")

    assert "b1 has the address 10.99.0.77, and its swarm is managed at 10.99.0.1" in problem


def test_a_member_whose_address_changed(member: ModuleType) -> None:
    assert member.member_problem(answers.WORKER, "b3", "10.99.0.3") == ""
    assert member.member_problem(answers.NONE, "b3", "10.99.0.3") == ""

    worker = member.member_problem(answers.WORKER, "b3", "10.99.0.77")
    assert "b3 has the address 10.99.0.77, and the swarm reaches it at 10.99.0.3" in worker
    assert "docker swarm leave;" in worker
    assert "docker swarm leave --force;" in member.member_problem(answers.MANAGER, "b1", "10.99.0.77")


def test_boards_not_becoming_ready_are_reported(leading: ModuleType) -> None:
    nodes = [
        {"ID": "n1", "Status": {"State": "ready", "Addr": "10.99.0.1"}},
        {"ID": "n2", "Status": {"State": "down", "Message": "heartbeat failure"}},
    ]

    text = leading.nodes_not_ready(nodes, {"b1": "n1", "b2": "n2", "b3": "n3", "b4": ""}, "b1")

    assert "Not ready in the swarm: b2 is down (heartbeat failure), b3 is missing." in text
    assert "b1 does not list the nodes" in leading.nodes_not_ready([], {"b1": "n1"}, "b1")


@pytest.mark.parametrize(
    ("of_board", "of_managers", "is_manager", "now", "wanted"),
    [
        ("", "", False, "drain", "drain"),  # drained by hand, for work on the board
        ("", "", True, "pause", "pause"),
        ("", "drain", True, "active", "drain"),
        ("", "drain", False, "active", "active"),
        ("active", "drain", True, "drain", "active"),
        ("drain", "", False, "active", "drain"),
    ],
)
def test_a_board_keeps_its_availability_unless_the_inventory_sets_another(
    of_board: str, of_managers: str, is_manager: bool, now: str, wanted: str
) -> None:
    tasks = yaml.safe_load((ROOT / "roles/swarm_manager/tasks/nodes.yml").read_text())
    [task] = [task for task in tasks if "community.docker.docker_node" in task]
    template = jinja2.Environment(autoescape=False).from_string(task["vars"]["__swarm_manager_wanted"]["Availability"])

    assert (
        template.render(
            swarm_manager_node_availability=of_board,
            swarm_manager_availability=of_managers,
            inventory_hostname="b1",
            swarm_manager_hosts=["b1"] if is_manager else [],
            __swarm_manager_has={"Availability": now},
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("swarms", "leave_other", "leader"),
    [
        ({"b1": {}, "b2": {}}, False, "b1"),
        ({"b1": answers.NONE, "b2": answers.MANAGER}, False, "b2"),
        ({"b1": answers.WORKER, "b2": answers.MANAGER}, False, "b2"),
        ({"b1": answers.NONE, "b2": answers.WORKER}, False, "b2"),
        ({"b1": answers.NONE, "b2": answers.WORKER}, True, "b1"),
        ({"b1": {}, "b2": answers.LOCKED}, False, "b2"),
        ({"b1": {}, "b2": answers.LOCKED}, True, "b1"),
        ({"b1": answers.MANAGER, "b2": answers.MANAGER}, True, "b1"),
    ],
)
def test_the_lead_manager(
    leading: ModuleType, swarms: dict[str, dict[str, Any]], leave_other: bool, leader: str
) -> None:
    assert leading.lead_manager(swarms, leave_other) == leader


def test_only_nodes_that_boards_left_behind_are_stale(leading: ModuleType) -> None:
    def node(name: str, state: str, **description: str) -> dict[str, Any]:
        return {"ID": name, "Description": description, "Status": {"State": state}}

    nodes = [
        node("present", "down", Hostname="b1"),
        node("nameless", "down"),
        node("joining", "ready"),
        node("wiped", "down", Hostname="b1"),
        node("foreign", "down", Hostname="nas"),
        node("unnamed", "ready", Hostname=""),
        {"ID": "bare", "Status": {"State": "unknown"}},
    ]

    stale = leading.stale_nodes(nodes, ["present", ""], ["b1", "b2", ""])

    assert [node["ID"] for node in stale] == ["wiped", "nameless", "bare"]
    assert leading.stale_nodes([], ["present"], ["b1"]) == []

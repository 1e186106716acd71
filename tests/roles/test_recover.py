"""A swarm without a working manager is recognised and recovered: with recorded answers of real engines."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.roles import swarm_answers as answers
from tests.roles.playing import words
from tests.roles.pretended import Boards

THREE = ["b1", "b2", "b3"]
WRITES = ("leave", "init", "demote", "rm")


@pytest.mark.parametrize(
    ("found", "action", "survivor", "message"),
    [
        ({"b1": answers.MANAGER, "b2": answers.EXPIRED_MANAGER}, "", "", "b1 manages it"),
        ({"b1": answers.QUORUM_LOST}, "shrink", "b1", "no quorum: b2, b3 does not answer"),
        ({"b2": answers.QUORUM_LOST_BOOTED}, "shrink", "b2", "b2 becomes its only manager"),
        ({"b1": answers.QUORUM_LOST_DEMOTED, "b2": answers.QUORUM_LOST}, "shrink", "b2", "no quorum"),
        ({"b3": answers.QUORUM_LOST_DEMOTED}, "shrink", "b3", "no quorum"),
        (dict.fromkeys(THREE, answers.EXPIRED_MANAGER), "restart", "b1", "The certificate of b1, b2, b3"),
        ({"b1": answers.EXPIRED_MANAGER}, "restart", "b1", "if its certificate is valid, switch it on instead"),
        ({"b1": answers.LOCKED, "b2": answers.QUORUM_LOST}, "", "", "docker swarm unlock"),
        ({"b1": answers.NONE}, "", "", "run site.yml"),
        ({}, "", "", "Docker does not answer on b1, b2, b3"),
    ],
)
def test_recovery_depends_on_the_diagnosis(
    recovery: ModuleType, found: dict[str, Any], action: str, survivor: str, message: str
) -> None:
    judged = recovery.swarm_recovery(found, THREE)

    assert (judged["action"], judged["survivor"]) == (action, survivor)
    assert message in judged["message"]
    assert judged["lost"] == [board for board in THREE if board not in found]


def boards(folder: Path, groups: dict[str, list[str]], swarms: dict[str, Any]) -> Boards:
    """Boards with these answers; those without one are off."""
    made = Boards(folder)
    made.make(groups, ["docker", "systemctl"], off=[board for board in THREE if board not in swarms])
    for board, swarm in swarms.items():
        made.answer(board, "docker info --format {{json .Swarm}}", swarm)
        made.answer(board, "docker info --format {{.Swarm.LocalNodeState}}", f"{swarm['LocalNodeState']}\n")
        made.answer(board, "docker swarm leave", "Node left the swarm.\n")
        made.answer(board, "docker swarm init", "Swarm initialized\n")
    return made


def written(made: Boards) -> list[str]:
    """Return the calls of engines that change something."""
    return [line for line in made.journal() if any(word in line.split() for word in WRITES)]


@pytest.mark.parametrize("confirm", [False, True])
def test_lost_quorum_is_recovered_with_one_manager(tmp_path: Path, confirm: bool) -> None:
    made = boards(
        tmp_path,
        {"swarm_manager": THREE, "nfs_server": ["b1"]},
        {"b1": answers.QUORUM_LOST},
    )
    made.answer("b1", "docker node ls", "n1 true b1 Leader\nn2 false b2 \nn3 false b3 \nn4 false b4 \n")

    done = made.play("playbooks/recover.yml", *(["-e", "confirm=recover"] if confirm else []))

    assert "b1 becomes its only manager" in words(done)
    if not confirm:
        assert done.returncode != 0
        assert "-e confirm=recover" in words(done)
        assert written(made) == []
        return
    assert "Remove b2, b3 from the inventory" in words(done)
    assert written(made) == [
        "b1 docker swarm init --force-new-cluster --advertise-addr 10.99.0.1",
        "b1 docker node rm --force n2",
        "b1 docker node rm --force n3",
    ]


def test_other_managers_of_a_lost_quorum_leave_first(tmp_path: Path) -> None:
    made = boards(
        tmp_path,
        {"swarm_manager": THREE, "nfs_server": ["b1"]},
        {"b1": answers.QUORUM_LOST_DEMOTED, "b2": answers.QUORUM_LOST},
    )
    made.answer("b2", "docker node ls", "n2 true b2 Leader\n")

    made.play("playbooks/recover.yml", "-e", "confirm=recover")

    assert written(made) == [
        "b1 docker swarm leave --force",
        "b2 docker swarm init --force-new-cluster --advertise-addr 10.99.0.1",
    ]


def test_expired_certificates_end_the_swarm_on_all_boards(tmp_path: Path) -> None:
    groups = {"swarm_manager": ["b1"], "swarm_worker": ["b2", "b3"], "nfs_server": ["b1"]}
    swarms = {"b1": answers.EXPIRED_MANAGER, "b2": answers.answer(**answers.STOPPED, Error=answers.EXPIRED)}
    made = boards(tmp_path, groups, swarms | {"b3": answers.WORKER})

    done = made.play("playbooks/recover.yml", "-e", "confirm=recover")

    assert done.returncode == 0, done.stdout
    assert "run_job.yml -e job_id=NAME resumes them" in words(done)
    assert "Now run: ansible-playbook site.yml" in words(done)
    assert sorted(written(made)) == [f"{board} docker swarm leave --force" for board in THREE]


def test_healthy_swarm_is_unchanged(tmp_path: Path) -> None:
    made = boards(
        tmp_path, {"swarm_manager": ["b1"], "swarm_worker": ["b2"], "nfs_server": ["b1"]}, {"b1": answers.MANAGER}
    )

    done = made.play("playbooks/recover.yml", "-e", "confirm=recover")

    assert done.returncode == 0, done.stdout
    assert "The swarm works" in words(done)
    assert written(made) == []

"""The playbooks for the events of a cluster's life, on boards that answer as recorded."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.roles.playing import words
from tests.roles.pretended import Boards

GROUPS = {"swarm_manager": ["b1"], "swarm_worker": ["b2", "b3"], "nfs_server": ["b1"]}
PROGRAMS = ["docker", "systemctl", "systemd-run", "umount"]
CHANGES = re.compile(r" (update|leave|demote|rm|--rotate|poweroff)( |$)")


def node(number: int, **changes: str) -> str:
    """Return a line of `docker node ls`."""
    entry = {"ID": f"n{number}", "Hostname": f"b{number}", "Status": "Ready", "Availability": "Active"} | changes
    return json.dumps(entry) + "\n"


def cluster(
    folder: Path, *, jobs: str = "", off: tuple[str, ...] = (), listed: int | None = None, ended: bool = False
) -> Boards:
    """A cluster of three boards.

    jobs: the name of a job with services. listed: how often it is listed before it ends. ended: whether its tasks have
    ended.
    """
    boards = Boards(folder)
    boards.make(GROUPS, PROGRAMS, off=list(off))
    nodes = [node(number, **({"Status": "Down"} if f"b{number}" in off else {})) for number in (1, 2, 3)]
    boards.answer("b1", "docker node ls --format {{json .}}", "".join(nodes))
    boards.answer("b1", "docker node ls", "Ready\n")
    boards.answer("b1", "docker service ls", "s1\n" if jobs else "", times=listed)
    boards.answer("b1", "docker service ps", "" if ended else "t1\n")
    boards.answer("b1", "docker service inspect", f"job {jobs}\n")
    return boards


def changes(boards: Boards) -> list[str]:
    """Return the calls on boards that change something."""
    return [line for line in boards.journal() if CHANGES.search(line)]


@pytest.mark.parametrize("board", ["b2", "b3"])
def test_dead_board_is_removed_and_its_access_revoked(tmp_path: Path, board: str) -> None:
    boards = cluster(tmp_path, off=(board,))

    done = boards.play("playbooks/remove_board.yml", "-e", f"board={board}", "-e", "rotate_ca=true", "--tags", "swarm")

    assert done.returncode == 0, done.stdout
    gone = f"n{board[1]}"
    assert changes(boards) == [
        f"b1 docker node update --availability drain {gone}",
        f"b1 docker node demote {gone}",
        f"b1 docker node rm --force {gone}",
        "b1 docker swarm join-token --rotate --quiet worker",
        "b1 docker swarm join-token --rotate --quiet manager",
        "b1 docker swarm ca --rotate --quiet",
    ]


def test_running_board_is_drained_first(tmp_path: Path) -> None:
    boards = cluster(tmp_path)
    boards.answer("b1", "docker node ps", "Running 3 minutes ago\n")

    done = boards.play("playbooks/remove_board.yml", "-e", "board=b2", "-e", "drain_timeout=0", "--tags", "swarm")

    assert done.returncode == 0, done.stdout
    node_lines = [line for line in boards.journal() if " docker node " in line and " ls " not in line]
    assert node_lines[0] == "b1 docker node update --availability pause n2"
    assert node_lines[1].startswith("b1 docker node ps --filter desired-state=running")
    assert "b1 docker node update --availability drain n2" in node_lines
    assert not any("ca --rotate" in line for line in boards.journal())


def test_board_is_drained_once_its_chunks_have_ended(tmp_path: Path) -> None:
    boards = cluster(tmp_path)
    boards.answer("b1", "docker node ps", "Running 3 minutes ago\n", times=1)
    boards.answer("b1", "docker node ps", "Complete 1 second ago\nFailed 2 minutes ago\n")

    done = boards.play("playbooks/remove_board.yml", "-e", "board=b2", "-e", "drain_timeout=5", "--tags", "swarm")

    assert done.returncode == 0, done.stdout
    calls = [line.split()[4:] for line in boards.journal() if re.search(r" docker node (update|ps|rm) ", line)]
    assert [call[0] if call[0].startswith("--filter") else call for call in calls] == [
        ["--availability", "pause", "n2"],
        "--filter",
        "--filter",
        ["--availability", "drain", "n2"],
        ["--force", "n2"],
    ]


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
@pytest.mark.parametrize(("playbook", "tag"), [("remove_board", "board"), ("replace_board", "always")])
def test_host_key_of_the_old_board_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, playbook: str, tag: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    known = tmp_path / ".ssh/known_hosts"
    known.parent.mkdir()
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl0"
    known.write_text(f"[127.0.0.1]:1 {key}\n127.0.0.1 {key}\n")  # the second one is of another machine

    done = cluster(tmp_path, off=("b2",)).play(f"playbooks/{playbook}.yml", "-e", "board=b2", "--tags", tag)

    assert known.read_text() == f"127.0.0.1 {key}\n", done.stdout


@pytest.mark.parametrize(
    ("playbook", "arguments", "off", "message"),
    [
        ("remove_board", [], (), "Pass a board's name"),
        ("remove_board", ["board=b9"], (), "The inventory has no board b9"),
        ("remove_board", ["board=b1"], (), "b1 has the share"),
        ("remove_board", ["board=b2"], ("b3",), "b3 cannot be reached, and must close the firewall to b2"),
        ("remove_board", ["board=b2"], ("b1",), "b1 cannot be reached"),
        ("reset", ["board=b9", "confirm=reset"], (), "The inventory has no board b9"),
        ("reset", ["board=b1", "confirm=reset"], (), "b1 has the share"),
        ("reset", ["board=b2"], (), "This takes b2 out of the cluster"),
        ("backup", ["backup=here"], (), "Pass a folder of this machine"),
        ("restore", ["backup=/nonexistent"], ("b1", "b2", "b3"), "b1 cannot be reached"),
        (
            "move_share",
            ["to=b1", "backup=/nonexistent"],
            (),
            "Pass a board of the inventory that does not have the share",
        ),
        ("replace_board", ["board=b9"], (), "Pass a board of the inventory, as in -e board="),
        ("replace_board", ["board=b1", "backup=/nonexistent"], (), "/nonexistent/share has no copy of a share"),
        ("power", [], (), "Pass -e state=off or -e state=on"),
        ("power", ["state=on", "csvswarm_mac=b1"], (), "b1 has csvswarm_mac: b1. Write the hardware address"),
        # Without quotes, YAML reads an address of digits alone as a number.
        ("power", ["state=on", '{"csvswarm_mac": 34566191}'], (), "b1 has csvswarm_mac: 34566191. Write the hardw"),
        ("reboot", [], ("b1",), "No manager answers for the swarm (b1)"),
    ],
)
def test_invalid_requests_are_refused(
    tmp_path: Path, playbook: str, arguments: list[str], off: tuple[str, ...], message: str
) -> None:
    boards = cluster(tmp_path, off=off)

    done = boards.play(f"playbooks/{playbook}.yml", *[word for a in arguments for word in ("-e", a)])

    assert done.returncode != 0
    assert message in words(done)
    assert changes(boards) == []


@pytest.mark.parametrize(
    ("playbook", "argument"),
    [("reboot", "x=1"), ("upgrade", "x=1"), ("power", "state=off"), ("backup", "backup=/nonexistent")],
)
def test_running_job_prevents_power_off(tmp_path: Path, playbook: str, argument: str) -> None:
    boards = cluster(tmp_path, jobs="nightly")

    done = boards.play(f"playbooks/{playbook}.yml", "-e", argument)

    assert done.returncode != 0
    assert "These jobs run: nightly." in words(done)
    assert changes(boards) == []


def test_a_detached_job_that_has_ended_does_not_prevent_power_off(tmp_path: Path) -> None:
    boards = cluster(tmp_path, jobs="nightly", ended=True)

    done = boards.play("playbooks/power.yml", "-e", "state=off")

    assert done.returncode == 0, done.stdout
    assert len([line for line in boards.journal() if line.endswith("systemctl poweroff")]) == 3


def test_power_off_waits_for_the_job_on_request(tmp_path: Path) -> None:
    boards = cluster(tmp_path, jobs="nightly", listed=1)

    done = boards.play("playbooks/power.yml", "-e", "state=off", "-e", "jobs=wait")

    assert done.returncode == 0, done.stdout
    lists = [number for number, line in enumerate(boards.journal()) if "b1 docker service ls" in line]
    off = [number for number, line in enumerate(boards.journal()) if line.endswith("systemctl poweroff")]
    assert len(lists) == 2
    assert len(off) == 3
    assert lists[-1] < off[0]


def test_the_server_of_the_share_is_switched_off_last(tmp_path: Path) -> None:
    boards = cluster(tmp_path)

    done = boards.play("playbooks/power.yml", "-e", "state=off")

    assert done.returncode == 0, done.stdout
    order = [line.split()[0] for line in changes(boards)]
    assert sorted(order) == ["b1", "b2", "b3"]
    assert order[-1] == "b1"
    # None of them still has it mounted.
    journal = boards.journal()
    for board in ("b2", "b3"):
        released = journal.index(f"{board} umount /srv/csvswarm")
        assert any(line.startswith(f"{board} systemd-run") for line in journal[released:])


def test_board_with_a_failed_reboot_is_returned_to_service(tmp_path: Path) -> None:
    """Ansible never reboots the machine that it runs on, which these boards are."""
    boards = cluster(tmp_path)
    boards.answer("b1", "docker node ps", "Complete 3 minutes ago\n")

    done = boards.play("playbooks/reboot.yml")

    assert done.returncode != 0
    assert "would reboot the control node" in words(done)
    assert changes(boards) == [
        "b1 docker node update --availability pause n2",
        "b1 docker node update --availability drain n2",
        "b1 docker node update --availability active n2",
    ]


@pytest.mark.parametrize(("arguments", "plays"), [([], 5), (["-e", "board=b2"], 4)])
def test_reset_of_one_board_affects_only_that_board(tmp_path: Path, arguments: list[str], plays: int) -> None:
    boards = cluster(tmp_path)

    done = boards.play("playbooks/reset.yml", "--list-hosts", *arguments)

    matched = re.findall(r"hosts \((\d+)\)", done.stdout)
    assert matched[0] == "3", "the guards are for all"
    assert len([count for count in matched if count != "0"]) == plays
    if arguments:
        assert set(matched[1:]) == {"0", "1"}

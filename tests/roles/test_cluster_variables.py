"""The variables of the cluster keep the order of the inventory: the first manager keeps the time for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.roles.playing import ROOT, play, words

BOARDS = [f"b{number}" for number in range(1, 8)]


@pytest.mark.parametrize("removed", ["", "b2"])
def test_order_follows_the_inventory(tmp_path: Path, removed: str) -> None:
    names = "".join(f"{board}: , " for board in BOARDS)
    (tmp_path / "hosts.yml").write_text(f"all: {{children: {{swarm_manager: {{hosts: {{{names}}}}}}}}}\n")
    (tmp_path / "play.yml").write_text(
        f"- {{hosts: localhost, gather_facts: false, vars_files: [{ROOT}/playbooks/vars/cluster.yml], "
        f"vars: {{csvswarm_removed: [{removed}]}}, tasks: "
        "[{debug: {msg: \"{{ csvswarm_managers | join(' ') }} / {{ csvswarm_boards | join(' ') }}\"}}]}\n"
    )

    done = play(tmp_path / "play.yml", "-i", tmp_path / "hosts.yml", ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"))

    kept = " ".join(board for board in BOARDS if board != removed)
    assert f"{kept} / {kept}" in words(done)


def test_questions_of_the_roles_are_on_lines_of_their_own(tmp_path: Path) -> None:
    """The board runs them as one script: a backslash and an n between them damaged the first command of the second."""
    (tmp_path / "hosts.yml").write_text(
        "all: {children: {swarm_manager: {hosts: {b1: }}, nfs_server: {hosts: {b1: }}}}\n"
    )
    (tmp_path / "play.yml").write_text(
        f"- {{hosts: b1, gather_facts: false, vars_files: [{ROOT}/playbooks/vars/cluster.yml], "
        "vars: {__docker_engine_probe: echo one, __nfs_server_probe: echo two}, tasks: "
        "[{debug: {msg: \"{{ board_questions.splitlines() | join(' / ') }}\"}}]}\n"
    )

    done = play(tmp_path / "play.yml", "-i", tmp_path / "hosts.yml", ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"))

    assert "echo one / echo two" in words(done)

"""Jobs where the manager is not the server of the share, and this machine has no engine."""

from __future__ import annotations

import subprocess
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from molecule.resources.jobs.conftest import BASE, SAMPLE

if TYPE_CHECKING:
    from molecule.resources.jobs.conftest import Desk


@pytest.fixture
def base(desk: Desk) -> str:
    """The base of the image on the board that builds, as if it had been pulled there; its name makes the image new."""
    name = f"csvswarm-base:{uuid.uuid4().hex[:8]}"
    archive = desk.place / "base.tar"
    subprocess.run(["docker", "tag", BASE, name], check=True)
    subprocess.run(["docker", "save", "--output", archive, name], check=True)
    subprocess.run(["docker", "rmi", name], check=True, capture_output=True)
    there = "/var/tmp/base.tar"  # noqa: S108 - on a board that is thrown away
    desk.ask("swarm_manager", "ansible.builtin.copy", f"src={archive} dest={there} mode=0600")
    desk.ask("swarm_manager", "ansible.builtin.command", f"docker load --input {there}")
    return name


def test_a_board_builds_the_image(desk: Desk, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{desk.place}/nobody-listens")
    said: dict[str, Any] = {"processor": "statistics", "chunks": 3}

    run = desk.run("swarm", image_base=base, **said)

    assert run.files == desk.run("local", **said).files
    assert "Build the image, and put it on the share" in run.output


def test_an_input_that_lies_on_the_share(desk: Desk) -> None:
    folder = "/srv/csvswarm/sets of mine"
    desk.ask("nfs_server", "ansible.builtin.file", f"path='{folder}' state=directory mode=0755")
    desk.ask("nfs_server", "ansible.builtin.copy", f"src='{SAMPLE}' dest='{folder}/flights.csv' mode=0644")
    said: dict[str, Any] = {"processor": "transform", "options": {"where": "distance > 1000"}, "chunks": 3}

    run = desk.run("swarm", input="share:sets of mine/flights.csv", **said)

    assert run.files == desk.run("local", **said).files
    assert "Send the input" not in run.output

"""An existing Docker on a board is detected, and used unchanged or refused by name."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.roles.playing import ROOT, play, words

VARS = yaml.safe_load((ROOT / "roles/docker_engine/vars/main.yml").read_text())
OURS = json.dumps({"live-restore": False, "log-driver": "json-file"})
CE = "package installed docker-ce 5:28.0.1-1~debian.13~trixie\npackage installed containerd.io 1.7.25-1\n"
RUNNING = "running docker.service\n"
DEB_LINE = (
    "source /etc/apt/sources.list.d/docker.list:deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.asc] "
    "https://download.docker.com/linux/debian trixie stable\n"
)


def file(name: str, text: str) -> str:
    """Return a line of the script's output about a file in /etc/docker."""
    return f"file {name} {base64.b64encode(text.encode()).decode()}\n"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("package installed moby-engine 27.1\n", "has moby-engine 27.1, which the installation of Docker would remove"),
        ("package installed podman-docker 5.4\n", "podman-docker 5.4"),
        ("package installed docker-ce 5:19.03.15~3-0\n", "docker-ce 5:19.03.15~3-0"),
        ("package installed containerd.io 1.7.25-1\n", "containerd.io 1.7.25-1"),
        (CE + RUNNING + "container web\ncontainer db\n", "runs containers (web, db) with docker-ce 5:28.0.1"),
    ],
)
def test_refusals_that_take_over_allows(engine: ModuleType, answer: str, expected: str) -> None:
    seen = engine.engine_seen(answer)

    [problem] = engine.engine_problems(seen, OURS, take_over=False)
    assert expected in problem
    assert "docker_engine_take_over" in problem
    assert engine.engine_problems(seen, OURS, take_over=True) == []


@pytest.mark.parametrize(
    ("answer", "merged", "expected"),
    [
        ("snap /var/lib/snapd/snaps/docker_2932.snap\n", OURS, "sudo snap remove docker"),
        ("program /usr/local/bin/dockerd\n", OURS, "no package owns (/usr/local/bin/dockerd)"),
        (CE, json.dumps({"userns-remap": "default"}), "userns-remap"),
        (CE, json.dumps({"hosts": ["tcp://127.0.0.1:2375"]}), "hosts without unix:///var/run/docker.sock"),
    ],
)
def test_refusals_that_nothing_allows(engine: ModuleType, answer: str, merged: str, expected: str) -> None:
    [problem] = engine.engine_problems(engine.engine_seen(answer), merged, take_over=True)
    assert expected in problem


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("", False),
        ("package installed docker.io 26.1.5+dfsg1-9\n", False),
        ("package config-files docker-ce 5:28.0.1-1\npackage not-installed docker-engine \n", False),
        (CE, True),
        ("package installed docker-ce 5:20.10.24~3-0~debian-bookworm\n", True),
        # Running containers are allowed if Docker need not restart.
        (CE + "container web\n" + file("daemon", OURS), True),
        (CE + file("daemon", '{"hosts": ["unix:///var/run/docker.sock", "tcp://127.0.0.1:2375"]}'), True),
    ],
)
def test_accepted_states(engine: ModuleType, answer: str, kept: bool) -> None:
    seen = engine.engine_seen(answer)

    assert engine.engine_problems(seen, seen["daemon"] or OURS, take_over=False) == []
    assert engine.engine_kept(seen) is kept


@pytest.mark.parametrize(
    ("answer", "files"),
    [
        (DEB_LINE, ["/etc/apt/sources.list.d/docker.list"]),
        (
            "source /etc/apt/sources.list.d/d.sources:URIs: https://download.docker.com/linux/debian/\n",
            ["/etc/apt/sources.list.d/d.sources"],
        ),
        ("source /etc/apt/sources.list.d/csvswarm-docker.sources:URIs: https://download.docker.com/linux/debian\n", []),
        ("source /etc/apt/sources.list.d/u.list:deb https://download.docker.com/linux/ubuntu noble stable\n", []),
        ("", []),
    ],
)
def test_existing_repository_gets_no_second_source(engine: ModuleType, answer: str, files: list[str]) -> None:
    assert engine.engine_sources(engine.engine_seen(answer), "https://download.docker.com/linux/debian") == files


def test_truncated_record_after_a_power_cut_is_ignored(engine: ModuleType) -> None:
    assert engine.engine_seen(file("csvswarm", '{"ori'))["record"] == {}


def test_script_reports_the_installed_engine(engine: ModuleType, tmp_path: Path) -> None:
    """The role's script on a folder as the board's root, with fake programs."""
    for path, text in {
        "etc/apt/sources.list.d/docker.list": DEB_LINE.partition(":")[2],
        "etc/apt/sources.list.d/debian.sources": "URIs: http://mirror.example/debian\n",
        "etc/docker/daemon.json": '{"data-root": "/mnt"}\n',
        "var/lib/snapd/snaps/docker_1.snap": "",
        "usr/local/bin/dockerd": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    programs = {
        # Like dpkg-query: it fails, because most packages are unknown, and prints the known ones.
        "dpkg-query": "echo 'package installed docker-ce 5:28.0.1'; exit 1",
        "docker": 'case "$*" in "ps --format container {{.Names}}") echo container web;; *) exit 9;; esac',
        "systemctl": '[ "$*" = "--quiet is-active docker.service" ]',
    }
    (tmp_path / "bin").mkdir()
    for name, body in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    script = VARS["__docker_engine_probe"].replace("{% raw %}", "").replace("{% endraw %}", "")
    for folder in ("/etc/", "/var/lib/", "/usr/local/", "/opt/bin/"):
        script = script.replace(folder, f"{tmp_path}{folder}")

    done = subprocess.run(
        ["sh", "-c", script],
        env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    seen = engine.engine_seen(done.stdout.replace(str(tmp_path), ""))
    assert done.stderr == ""
    assert seen["packages"] == {"docker-ce": "5:28.0.1"}
    assert seen["snaps"] == ["/var/lib/snapd/snaps/docker_1.snap"]
    assert seen["programs"] == ["/usr/local/bin/dockerd"]
    assert seen["containers"] == ["web"]
    assert seen["running"]
    assert seen["daemon"] == '{"data-root": "/mnt"}\n'
    assert engine.engine_sources(seen, "https://download.docker.com/linux/debian") == [
        "/etc/apt/sources.list.d/docker.list"
    ]


PLAY = """
- hosts: b1
  gather_facts: false
  vars:
    ansible_facts: {distribution: Debian, distribution_major_version: "13", apparmor: {status: disabled}}
    board_seen: {answers: ANSWER}
  vars_files: [ROOT/roles/docker_engine/vars/main.yml]
  tasks:
    - {name: detect, import_role: {name: docker_engine, tasks_from: preflight.yml}}
    - {name: packages, debug: {msg: "packages={{ __docker_engine_packages | join('+') }}"}}
    - {name: daemon, debug: {msg: "daemon={{ __docker_engine_text | from_json | to_json }}"}}
"""


def preflight(tmp_path: Path, answer: str) -> str:
    """Return the output of the role's preflight for a recorded answer, without a board."""
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all: {hosts: {b1: {ansible_connection: local, ansible_python_interpreter: /bin/false}}}\n")
    playbook = tmp_path / "detect.yml"
    playbook.write_text(PLAY.replace("ANSWER", json.dumps(answer)).replace("ROOT", str(ROOT)))
    return words(play(playbook, "-i", inventory, ANSIBLE_CONFIG=str(ROOT / "ansible.cfg")))


def test_installed_docker_ce_is_kept(tmp_path: Path) -> None:
    printed = preflight(tmp_path, CE + RUNNING + file("daemon", '{"data-root": "/mnt/ssd"}'))

    assert "b1 has docker-ce 5:28.0.1-1~debian.13~trixie already, which is used as it is" in printed
    assert "b1 keeps these settings of its daemon.json: data-root" in printed
    assert "packages=iptables+python3-docker" in printed
    assert '"data-root": "/mnt/ssd"' in printed
    assert '"live-restore": false' in printed


def test_a_bare_board_gets_the_engine_of_its_system(tmp_path: Path) -> None:
    assert "packages=docker.io+docker-cli+iptables+python3-docker" in preflight(tmp_path, "")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (file("daemon", "{"), "b1: /etc/docker/daemon.json is not a JSON object"),
        ("package installed moby-engine 27.1\n", "b1 has moby-engine 27.1"),
    ],
)
def test_a_refusal_names_the_board(tmp_path: Path, answer: str, expected: str) -> None:
    printed = preflight(tmp_path, answer)

    assert expected in printed
    assert "packages=" not in printed


@pytest.mark.parametrize(
    ("system", "kept", "repository", "packages"),
    [
        (("Debian", "12"), False, {}, ["docker.io"]),
        (("Debian", "13"), False, {}, ["docker.io", "docker-cli"]),
        (("Ubuntu", "24"), False, {}, ["docker.io"]),
        (("Debian", "13"), False, {"uris": "x"}, ["docker-ce", "docker-ce-cli", "containerd.io"]),
        (("Debian", "13"), True, {"uris": "x"}, []),
    ],
)
def test_packages_of_the_engine(
    engine: ModuleType, system: tuple[str, str], kept: bool, repository: dict[str, str], packages: list[str]
) -> None:
    facts = {"distribution": system[0], "distribution_major_version": system[1], "apparmor": {"status": "disabled"}}
    needed = ["iptables", "python3-docker"]

    assert engine.engine_packages(facts, kept, repository) == packages + needed
    facts["apparmor"] = {"status": "enabled"}
    assert engine.engine_packages(facts, kept, repository) == [*packages, *needed, "apparmor"]

"""The rules that the firewall's script loads: with a fake iptables, and with its two backends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest
import yaml

from tests.roles.playing import ROOT, play

ROLE = ROOT / "roles/firewall"
SCRIPT = ROLE / "files/csvswarm-firewall"


class Board:
    """A folder of rules, and what was done with them."""

    def __init__(self, path: Path) -> None:
        self.rules = path / "rules"
        self.rules.mkdir()
        self.noted = path / "noted"
        (path / "bin").mkdir()
        for name in ("iptables", "iptables-restore", "ip6tables", "ip6tables-restore"):
            program = path / "bin" / name
            # The fake has no chain and no rule, so -D and -S fail, and "stop" has nothing to do.
            program.write_text(
                f'#!/bin/sh\necho {name} "$@" >>{self.noted}\ncase "$*" in *" -D "*|*" -S "*) exit 1;; esac\n'
            )
            program.chmod(0o755)
        self.path = f"{path / 'bin'}:{os.environ['PATH']}"

    def write(self, text: str) -> None:
        for version in ("v4", "v6"):
            (self.rules / f"firewall.{version}").write_text(text)

    def call(self, verb: str) -> int:
        self.noted.write_text("")
        environment = {"PATH": self.path, "CSVSWARM_FIREWALL": str(self.rules)}
        return subprocess.run([SCRIPT, verb], env=environment, check=False, timeout=30).returncode

    def loaded(self) -> str:
        """Return the rules that the last call loaded for IPv4."""
        found = [
            line.split()[-1] for line in self.noted.read_text().splitlines() if line.startswith("iptables-restore ")
        ]
        return Path(found[0]).read_text() if found else ""


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_new_rules_are_tried_and_kept_once_confirmed(board: Board) -> None:
    board.write("first")

    assert board.call("confirmed") == 1
    assert board.call("try") == 0
    assert board.loaded() == "first"
    assert board.call("confirmed") == 1
    assert board.call("confirm") == 0
    assert board.call("confirmed") == 0


@pytest.mark.parametrize("verb", ["start", "undo"])
def test_boot_and_rollback_restore_the_last_confirmed_rules(board: Board, verb: str) -> None:
    board.write("first")
    board.call("confirm")
    board.write("second, which locks Ansible out")
    board.call("try")

    assert board.call(verb) == 0
    assert board.loaded() == "first"
    # A later run retries, instead of taking the written rules for the ones in force.
    assert board.call("confirmed") == 1


@pytest.mark.parametrize("verb", ["start", "undo"])
def test_without_confirmed_rules_none_are_restored(board: Board, verb: str) -> None:
    board.write("first")
    board.call("try")

    assert board.call(verb) == 0
    assert board.loaded() == ""
    assert "iptables --wait 30 -D INPUT -j CSVSWARM" in board.noted.read_text()


def rules(version: str) -> str:
    """Render the template as the role does for a manager that serves the share."""
    environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, autoescape=False)
    return environment.from_string((ROLE / "templates/rules.j2").read_text()).render(
        __firewall_version=version,
        firewall_ssh_ports=[22],
        firewall_open_tcp=[80],
        firewall_open_udp=[],
        firewall_cluster=["192.0.2.11", "192.0.2.12"],
        firewall_cluster_tcp=[2377, 7946, 2049],
        firewall_cluster_udp=[4789, 7946],
    )


def usable(backend: str) -> bool:
    """Return whether a private network namespace can be created, with this backend in it."""
    command = ["unshare", "--net", f"iptables-{backend}", "-t", "nat", "-S"]
    try:
        return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0
    except OSError:
        return False


# Current boards have the nft backend, some older ones the legacy one. Both run here, each in its own network.
@pytest.mark.parametrize("backend", ["nft", "legacy"])
def test_both_iptables_backends_accept_the_rules(tmp_path: Path, backend: str) -> None:
    if not usable(backend):
        pytest.skip(f"needs root, unshare and iptables-{backend}")
    for version in ("v4", "v6"):
        (tmp_path / f"firewall.{version}").write_text(rules(version))
    for name in ("iptables", "ip6tables"):
        for part in ("", "-restore"):
            (tmp_path / f"{name}{part}").symlink_to(shutil.which(f"{name}-{backend}{part}") or "missing")
    script = f"""
        set -e
        iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER; iptables -A INPUT -p tcp --dport 99 -j ACCEPT
        iptables -S >before
        for verb in try try confirm start undo; do {SCRIPT} $verb; done
        iptables -S >after
        ip6tables -S >after6
        {SCRIPT} stop
        iptables -S >stopped
    """
    subprocess.run(
        ["unshare", "--net", "sh", "-c", script],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "CSVSWARM_FIREWALL": str(tmp_path)},
        check=True,
        timeout=60,
    )

    before, after = ((tmp_path / name).read_text().splitlines() for name in ("before", "after"))
    added = [line for line in after if line not in before]
    # Called once and first; existing rules keep their order.
    assert added[:2] == ["-N CSVSWARM", "-A INPUT -j CSVSWARM"]
    assert next(line for line in after if "-A INPUT" in line) == "-A INPUT -j CSVSWARM"
    assert [line for line in after if line not in added] == before
    assert added[-1] == "-A CSVSWARM -j DROP"
    assert "-A CSVSWARM -s 192.0.2.12/32 -p tcp -m tcp --dport 2049 -j ACCEPT" in added
    assert len(added) == len(set(added)) == 2 + rules("v4").count("-A CSVSWARM")
    assert "-A CSVSWARM -p tcp -m tcp --dport 22 -j ACCEPT" in (tmp_path / "after6").read_text()
    assert (tmp_path / "stopped").read_text().splitlines() == before


def test_disabled_firewall_removes_the_chain(tmp_path: Path) -> None:
    """csvswarm_firewall: false, on a board where the rules are in force and their service never started."""
    if not usable("nft"):
        pytest.skip("needs root, unshare and iptables-nft")
    for version in ("v4", "v6"):
        (tmp_path / f"firewall.{version}").write_text(rules(version))
    shutil.copy(SCRIPT, tmp_path / "script")
    (tmp_path / "hosts.yml").write_text(
        "all: {vars: {ansible_connection: local, ansible_python_interpreter: PYTHON}, children: "
        "{swarm_manager: {hosts: {b1: {csvswarm_firewall: false}}}, nfs_server: {hosts: {b1: }}}}".replace(
            "PYTHON", sys.executable
        )
    )
    (tmp_path / "play.yml").write_text(
        f"- {{hosts: b1, gather_facts: false, vars_files: [{ROOT}/playbooks/vars/cluster.yml], roles: [firewall]}}\n"
    )
    ansible = (
        f"{Path(sys.executable).parent}/ansible-playbook -i hosts.yml play.yml "
        f"-e __firewall_script={tmp_path}/script -e __firewall_unit={tmp_path}/no.service"
    )
    done = subprocess.run(
        ["unshare", "--net", "sh", "-ec", f"iptables -S >before; ./script try; {ansible}; iptables -S >after"],
        cwd=tmp_path,
        env=os.environ | {"CSVSWARM_FIREWALL": str(tmp_path), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "after").read_text() == (tmp_path / "before").read_text()
    assert not (tmp_path / "script").exists()


RENDER = """
- hosts: swarm_manager:swarm_worker
  gather_facts: false
  vars_files: [ROOT/roles/firewall/defaults/main.yml, ROOT/playbooks/vars/cluster.yml]
  tasks:
    - {name: first play, copy: {content: RULES, dest: "FOLDER/{{ inventory_hostname }}.first", mode: "0600"}}
    - name: after demotion
      copy: {content: RULES, dest: "FOLDER/{{ inventory_hostname }}.demoted", mode: "0600"}
      vars: VARIABLES
      when: csvswarm_is_demoted
"""


def test_a_manager_s_port_stays_open_until_it_is_demoted(tmp_path: Path) -> None:
    """Three managers become one: the others count for the quorum until then."""
    close = yaml.safe_load((ROOT / "playbooks/tasks/close_manager_port.yml").read_text())[-1]
    text = RENDER.replace("VARIABLES", json.dumps(close["vars"]))
    lookup = f"lookup('template', '{ROLE}/templates/rules.j2', template_vars={{'__firewall_version': 'v4'}})"
    text = text.replace("RULES", f'"{{{{ {lookup} }}}}"').replace("FOLDER", str(tmp_path)).replace("ROOT", str(ROOT))
    (tmp_path / "play.yml").write_text(text)
    boards = {f"b{number}": {"board_address": f"192.0.2.{number}"} for number in (1, 2, 3)}
    hosts = {
        "b1": boards["b1"] | {"swarm_manager_found": {"manages": True}},
        "b2": boards["b2"] | {"swarm_manager_found": {"manages": True}},
        "b3": boards["b3"],
    }
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    groups = {"swarm_manager": ["b1"], "swarm_worker": ["b2", "b3"], "nfs_server": ["b1"]}
    children = {group: {"hosts": dict.fromkeys(names)} for group, names in groups.items()}
    inventory = {"all": {"hosts": hosts, "vars": variables, "children": children}}
    (tmp_path / "hosts.json").write_text(json.dumps(inventory))

    done = play(tmp_path / "play.yml", "-i", tmp_path / "hosts.json", ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"))

    assert done.returncode == 0, done.stdout
    opened = {path.name for path in tmp_path.glob("b?.*") if "-s 192.0.2.3 -p tcp --dport 2377" in path.read_text()}
    assert opened == {"b1.first", "b2.first"}
    assert {path.name for path in tmp_path.glob("b?.*")} == {"b1.first", "b2.first", "b2.demoted", "b3.first"}


def test_site_closes_the_port_after_the_demotion() -> None:
    tasks = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())[-1]["tasks"]

    names = [str(task.get("ansible.builtin.import_role", task.get("ansible.builtin.include_tasks"))) for task in tasks]
    assert "nodes.yml" in names[0]
    assert names[1] == "tasks/close_manager_port.yml"
    assert "csvswarm_is_demoted" in tasks[1]["when"]

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

PROBE = yaml.safe_load((ROLES / "board/vars/main.yml").read_text())["__board_probe"]
# As `nft --stateless --terse list ruleset` prints them: of iptables, Docker and csvswarm, of fail2ban, and of people.
CHAINS = """# Warning: table ip filter is managed by iptables-nft, do not touch!
table ip filter {
	chain INPUT {
		type filter hook input priority filter; policy drop;
		counter jump CSVSWARM
		counter reject with icmp host-prohibited
	}

	chain CSVSWARM {
		iifname "lo" counter accept
		counter drop
	}

	chain FORWARD {
		type filter hook forward priority filter; policy drop;
		counter jump DOCKER-USER
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
table inet f2b-table {
	set addr-set-sshd {
		type ipv4_addr
	}

	chain f2b-chain {
		type filter hook input priority filter - 1; policy accept;
		tcp dport 22 ip saddr @addr-set-sshd reject with icmp port-unreachable
		ct state invalid drop
		ct state invalid counter drop comment "no drop"
		limit rate over 10/second log prefix "drop " drop
	}
}
table inet router {
	chain pre {
		type filter hook prerouting priority raw; policy accept;
	}

	chain fwd {
		type filter hook forward priority filter; policy accept;
		drop
	}

	chain unused {
		drop
	}
}
table inet strict {
	chain input {
		type filter hook input priority filter; policy accept;
		ct state established,related accept
		iifname "lo" accept
		tcp dport { 22, 80 } accept
		drop
	}
}
table inet polite {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 22 accept
		counter reject with icmpx admin-prohibited
	}
}
table ip logged {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 22 accept
		log prefix "input; accept: " level info flags all counter drop comment "the rest"
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


def words_found(programs: Path) -> list[str]:
    """Return the words that the script prints with the programs in a folder before those of this machine."""
    done = subprocess.run(
        ["sh", "-c", f"echo $({PROBE})"],
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_the_script_names_firewalls_that_drop_and_not_iptables_own(tmp_path: Path) -> None:
    for name, script in {"nft": f"cat {tmp_path}/chains", "systemctl": "exit 0", "uname": "echo 1-gone"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "chains").write_text(CHAINS)

    words = words_found(tmp_path)

    assert [word for word in words if word.startswith("firewall")] == [
        "firewall:firewalld",
        "firewall:inet/mine",
        "firewall:inet/strict",
        "firewall:inet/polite",
        "firewall:ip/logged",
    ]


# As `ss -Hltunp` of a Raspberry Pi with a web server, a remote desktop and a container prints it.
SOCKETS = """\
udp   UNCONN 0      0                     0.0.0.0:5353       0.0.0.0:* users:(("avahi-daemon",pid=400,fd=12))
udp   UNCONN 0      0      192.168.1.11%eth0:68             0.0.0.0:* users:(("systemd-network",pid=300,fd=18))
udp   UNCONN 0      0                   127.0.0.1:323        0.0.0.0:* users:(("chronyd",pid=500,fd=5))
udp   UNCONN 0      0                     0.0.0.0:53         0.0.0.0:* users:(("pihole FTL*",pid=501,fd=4))
tcp   LISTEN 0      511                 0.0.0.0:80         0.0.0.0:* users:(("nginx",pid=61,fd=6),("nginx",pid=9,fd=6))
tcp   LISTEN 0      511                    [::]:80            [::]:* users:(("nginx",pid=61,fd=7),("nginx",pid=9,fd=7))
tcp   LISTEN 0      128                   0.0.0.0:22         0.0.0.0:* users:(("sshd",pid=602,fd=3))
tcp   LISTEN 0      128                 127.0.0.1:631        0.0.0.0:* users:(("cupsd",pid=603,fd=7))
tcp   LISTEN 0      128                     [::1]:631           [::]:* users:(("cupsd",pid=603,fd=6))
tcp   LISTEN 0      4096                        *:5900             *:* users:(("wayvnc",pid=604,fd=8))
tcp   LISTEN 0      4096                  0.0.0.0:8080       0.0.0.0:* users:(("docker-proxy",pid=605,fd=4))
tcp   LISTEN 0      64                    0.0.0.0:4045       0.0.0.0:*
"""


def test_ports_that_the_firewall_closes_are_listed(found: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "sockets").write_text(SOCKETS)
    (tmp_path / "ss").write_text(f"#!/bin/sh\ncat {tmp_path}/sockets\n")
    (tmp_path / "ss").chmod(0o755)
    probe = PROBE.replace("/usr/local/sbin/csvswarm-firewall", f"{tmp_path}/firewall")

    def run() -> str:
        environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        return subprocess.run(
            ["sh", "-c", f"echo $({probe})"], env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert found.board_closed_ports(run(), [22], []) == (
        "has programs that listen at tcp 80 (nginx), tcp 4045 (unknown), tcp 5900 (wayvnc), udp 53 (pihole_FTL_). The "
        "firewall closes these ports to everybody. To keep them open, for this board in the inventory: "
        "firewall_open_tcp: [80, 4045, 5900], firewall_open_udp: [53]. Ports that containers publish stay open"
    )
    assert found.board_closed_ports(run(), [22, 80, 4045, 5900], [53]) == ""
    (tmp_path / "firewall").touch()
    assert found.board_closed_ports(run(), [22], []) == "", "the firewall is there"


@pytest.mark.parametrize(
    ("peers", "interfaces", "subnet", "settings", "network"),
    [
        ("192.0.2.5", [], "192.0.2.11/24", {}, ""),
        ("172.17.3.4", [], "192.0.2.11/24", {}, "172.17.0.0/16"),
        ("192.0.2.5 [::ffff:172.18.0.9] [fe80::1]%eth0", ["docker0"], "", {}, "172.18.0.0/16"),
        ("172.17.3.4", ["docker0"], "192.0.2.11/24", {}, ""),
        ("172.17.3.4", [], "172.17.1.1/255.255.0.0", {}, ""),
        ("172.17.3.4", [], "192.0.2.11/24", {"bip": "10.214.0.1/24"}, ""),
    ],
)
def test_network_of_docker_that_hides_the_control_node(
    found: ModuleType, peers: str, interfaces: list[str], subnet: str, settings: dict[str, str], network: str
) -> None:
    words = " ".join(f"ssh-from:{peer}" for peer in peers.split())

    problem = found.board_docker_problem(f"cmdline {words}", interfaces, subnet, settings)

    assert bool(problem) == bool(network)
    assert network in problem


def test_the_script_reports_from_where_people_log_in(tmp_path: Path) -> None:
    sockets = (
        '0 0 192.168.1.11:22 172.17.3.4:55012 users:(("sshd",pid=9,fd=4),("sshd",pid=8,fd=4))\\n'
        '0 0 [::ffff:192.168.1.11]:22 [::ffff:192.168.1.5]:55014 users:(("sshd-session",pid=7,fd=4))\\n'
        '0 0 192.168.1.11:80 192.168.1.6:55016 users:(("nginx",pid=6,fd=4))\\n'
    )
    (tmp_path / "ss").write_text(f"#!/bin/sh\n[ \"$2\" != state ] || printf '{sockets}'\n")
    (tmp_path / "ss").chmod(0o755)

    words = words_found(tmp_path)

    assert {word for word in words if word.startswith("ssh-from")} == {
        "ssh-from:172.17.3.4",
        "ssh-from:[::ffff:192.168.1.5]",
    }


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

"""Problems that prevent a machine from being a board, or boards from being a cluster."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

WANTS = {"network": "", "disk_free_min_mb": 2000, "memory_min_mb": 400}

# Ansible's facts of a Raspberry Pi 4 with Raspberry Pi OS (64-bit) 13, shortened.
FACTS: dict[str, Any] = {
    "distribution": "Debian",
    "distribution_version": "13.1",
    "architecture": "aarch64",
    "userspace_bits": "64",
    "service_mgr": "systemd",
    "default_ipv4": {"address": "192.168.1.11"},
    "all_ipv4_addresses": ["10.7.0.2", "192.168.1.11"],
    "mounts": [{"mount": "/", "size_available": 20 * 2**30}],
    "memtotal_mb": 3792,
    "processor_vcpus": 4,
    "product_name": "Raspberry Pi 4 Model B Rev 1.4\0",
    "interfaces": ["lo", "eth0"],
    "eth0": {"ipv4": {"address": "192.168.1.11", "netmask": "255.255.255.0"}},
    "machine_id": "0a",
}


def test_suitable_board_has_no_problem(board: ModuleType) -> None:
    assert board.board_problems(FACTS, WANTS) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architecture": "armv7l", "userspace_bits": "32"}, "only 64-bit amd64 and arm64"),
        # A 64-bit kernel under a 32-bit system, as in older Raspberry Pi OS.
        ({"userspace_bits": "32"}, "Write a 64-bit image"),
        ({"distribution_version": "11.9"}, "install Debian 12"),
        ({"distribution": "Alpine", "distribution_version": "3.20"}, "install Debian 12"),
        ({"distribution": "Ubuntu", "distribution_version": "22.04"}, "Ubuntu 24.04"),
        ({"service_mgr": "sysvinit"}, "systemd is needed"),
        ({"mounts": [{"mount": "/", "size_available": 500 * 2**20}]}, "has 500 MB free on /"),
        ({"mounts": []}, "switch the overlay file system off"),
        ({"mounts": [{"mount": "/", "size_available": 2**40, "fstype": "overlay"}]}, "nothing survives a reboot"),
        ({"memtotal_mb": 220}, "has 220 MB of memory"),
        ({"default_ipv4": {}, "all_ipv4_addresses": []}, "has no address"),
    ],
)
def test_unsuitable_board_gets_instructions(board: ModuleType, change: dict[str, Any], words: str) -> None:
    problems = board.board_problems(FACTS | change, WANTS)

    assert len(problems) == 1
    assert words in problems[0]


@pytest.mark.parametrize("version", ["24.04", "24.10", "26.04"])
def test_newer_ubuntu_is_welcome(board: ModuleType, version: str) -> None:
    assert board.board_problems(FACTS | {"distribution": "Ubuntu", "distribution_version": version}, WANTS) == []


def test_all_problems_are_reported_together(board: ModuleType) -> None:
    assert len(board.board_problems(FACTS | {"memtotal_mb": 1, "service_mgr": "runit"}, WANTS)) == 2


def test_address_comes_from_the_default_route_or_network(board: ModuleType) -> None:
    assert board.board_address(FACTS, "") == "192.168.1.11"
    assert board.board_address(FACTS, "10.7.0.0/24") == "10.7.0.2"
    assert board.board_address(FACTS, "172.20.0.0/16") == ""
    assert board.board_address(FACTS, "10.7.0.9/24") == "10.7.0.2"
    assert board.board_address(FACTS, "10.7.0.0/33") == ""


def test_labels(board: ModuleType) -> None:
    assert board.board_labels(FACTS) == {
        "csvswarm.arch": "arm64",
        "csvswarm.cores": "4",
        "csvswarm.memory_mb": "3792",
        "csvswarm.model": "Raspberry Pi 4 Model B Rev 1.4",
    }


def boards(**changes: dict[str, str]) -> dict[str, dict[str, str]]:
    made = {
        f"b{n}": {
            "hostname": f"b{n}",
            "machine_id": f"m{n}",
            "address": f"10.1.1.{n}",
            "subnet": f"10.1.1.{n}/24",
        }
        for n in (1, 2, 3)
    }
    for name, change in changes.items():
        made[name] |= change
    return made


GROUPS = {"swarm_manager": ["b1"], "swarm_worker": ["b2", "b3"], "nfs_server": ["b1"]}
POOLS = ["10.213.0.0/16"]


def test_suitable_cluster_has_no_problem(board: ModuleType) -> None:
    assert board.cluster_problems(boards(), GROUPS, POOLS) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hostname": "b1"}, "b1, b2 share the host name b1"),
        ({"machine_id": "m1"}, "systemd-machine-id-setup"),
        ({"address": "10.1.1.1"}, "share the address"),
        ({"subnet": "10.213.4.2/24"}, "swarm_manager_address_pool"),
    ],
)
def test_conflicting_boards_are_refused(board: ModuleType, change: dict[str, str], words: str) -> None:
    problems = board.cluster_problems(boards(b2=change), GROUPS, POOLS)

    assert len(problems) == 1
    assert words in problems[0]


@pytest.mark.parametrize("hostname", ["b2", "Board2", "rack-1-slot-2", "2b", "a"])
def test_valid_host_names(board: ModuleType, hostname: str) -> None:
    assert board.cluster_problems(boards(b2={"hostname": hostname}), GROUPS, POOLS) == []


@pytest.mark.parametrize("hostname", ["192", "localhost", "rack_1", "-b", "b-", "b.c", "", "b" * 64, "b2\n"])
def test_invalid_host_names(board: ModuleType, hostname: str) -> None:
    [problem] = board.cluster_problems(boards(b2={"hostname": hostname}), GROUPS, POOLS)

    assert problem.startswith("b2 cannot have the host name")
    assert "board_hostname" in problem


def test_an_address_as_a_name_in_the_inventory_is_refused(board: ModuleType) -> None:
    view = board.cluster_view({"inventory_hostname_short": "192", "inventory_hostname": "192.168.1.11"})

    [problem] = board.cluster_problems({"192.168.1.11": view}, GROUPS, POOLS)
    assert "board1: {ansible_host: 192.168.1.11}" in problem


def test_invalid_availability(board: ModuleType) -> None:
    view = board.cluster_view({"inventory_hostname_short": "b2", "csvswarm_availability": "off"})

    [problem] = board.cluster_problems(
        boards() | {"b2": boards()["b2"] | {"availability": view["availability"]}}, GROUPS, POOLS
    )
    assert problem == "b2 has csvswarm_availability: off. Use active, pause or drain"


@pytest.mark.parametrize(
    "groups",
    [
        {"swarm_manager": ["b1"], "nfs_server": ["b1"]},
        {"swarm_manager": ["b1"], "swarm_worker": ["b1"], "nfs_server": ["b1"], "nfs_client": ["b1"]},
    ],
)
def test_one_board_may_have_every_role(board: ModuleType, groups: dict[str, list[str]]) -> None:
    assert board.cluster_problems({"b1": boards()["b1"]}, groups, POOLS) == []


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"swarm_manager": ["b1", "b2"], "swarm_worker": ["b3"]}, "one, three or five"),
        ({"swarm_manager": []}, "one, three or five"),
        ({"nfs_server": []}, "exactly one"),
        ({"nfs_server": ["b1", "b2"]}, "exactly one"),
    ],
)
def test_invalid_groups(board: ModuleType, groups: dict[str, list[str]], words: str) -> None:
    problems = board.cluster_problems(boards(), GROUPS | groups, POOLS)

    assert len(problems) == 1
    assert words in problems[0]


def test_clock_within_the_tolerance_is_accepted(board: ModuleType) -> None:
    assert board.board_clock_problems(60, 60) == []
    (problem,) = board.board_clock_problems(61, 60)
    assert problem == (
        'has a clock that is off by 61 s: set it, as in sudo date --set="@$(date +%s)" (packages and certificates are '
        "only good at the right time)"
    )


@pytest.mark.parametrize("user", ["", "csvswarm"])
def test_number_that_is_free_or_the_owners_is_accepted(board: ModuleType, user: str) -> None:
    assert board.board_owner_problems(user, "csvswarm", 8765) == []


def test_number_of_another_user_is_refused(board: ModuleType) -> None:
    assert board.board_owner_problems("pi", "csvswarm", 8765) == [
        "has a user pi with the number 8765: set csvswarm_owner_id to one that is free on all boards"
    ]

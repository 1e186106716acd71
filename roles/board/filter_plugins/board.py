"""Derives from a board's facts: problems with their remedies, the address to use, labels."""

from __future__ import annotations

import re
from collections import Counter
from ipaddress import ip_address, ip_network
from typing import Any

Facts = dict[str, Any]

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# One label of a DNS name, and not a number, which programs would read as an address.
HOSTNAME = re.compile(r"(?![0-9]+$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
AVAILABILITIES = ("", "active", "pause", "drain")
OLDEST = {"Debian": (12, 0), "Ubuntu": (24, 4)}


def version_of(facts: Facts) -> tuple[int, int]:
    """Return a distribution's version as (major, minor)."""
    major, _, rest = str(facts.get("distribution_version", "0")).partition(".")
    minor = rest.partition(".")[0]
    return int(major) if major.isdigit() else 0, int(minor) if minor.isdigit() else 0


def board_addresses(facts: Facts) -> list[str]:
    """Return a board's IPv4 addresses, the one of the default route first."""
    first = facts.get("default_ipv4", {}).get("address")
    others = [address for address in facts.get("all_ipv4_addresses", []) if address != first]
    return ([first] if first else []) + others


def board_address(facts: Facts, network: str) -> str:
    """Return the board's address in the cluster's network (any when network is empty), or ''.

    A network may be given by an address in it (192.168.1.5/24). No address is in one that cannot be read.
    """
    try:
        within = ip_network(network, strict=False) if network else None
    except ValueError:
        return ""
    inside = [a for a in board_addresses(facts) if within is None or ip_address(a) in within]
    return inside[0] if inside else ""


def board_labels(facts: Facts) -> dict[str, str]:
    """Return a board's properties for the scheduler and for people, as node labels."""
    return {
        "csvswarm.arch": ARCHITECTURES[facts["architecture"]],
        "csvswarm.cores": str(facts["processor_vcpus"]),
        "csvswarm.memory_mb": str(facts["memtotal_mb"]),
        "csvswarm.model": str(facts.get("product_name", "")).strip("\0 ") or "unknown",
    }


def board_problems(facts: Facts, wants: dict[str, Any]) -> list[str]:
    """Return why a machine cannot be a board, each problem with what to change.

    Args:
        facts: Its facts from Ansible's setup module.
        wants: network, disk_free_min_mb, memory_min_mb.
    """
    problems = []
    name = facts.get("distribution", "an unknown system")
    oldest = OLDEST.get(name)
    if oldest is None or version_of(facts) < oldest:
        problems.append(
            f"runs {name} {facts.get('distribution_version', '')}: install Debian 12 or newer, "
            "Raspberry Pi OS (64-bit) of the same age, or Ubuntu 24.04 or newer"
        )
    machine = facts.get("architecture")
    if machine not in ARCHITECTURES or facts.get("userspace_bits") != "64":
        problems.append(
            f"is {machine} with a {facts.get('userspace_bits')}-bit system: only 64-bit amd64 and arm64 boards can "
            "take part. Write a 64-bit image on its card (a Raspberry Pi 3 or newer can run one), or leave the board "
            "out"
        )
    if facts.get("service_mgr") != "systemd":
        problems.append(f"is run by {facts.get('service_mgr')}: a system with systemd is needed")
    if not board_address(facts, wants["network"]):
        problems.append(
            f"has no address in {wants['network'] or 'any IPv4 network'} (it has: "
            f"{', '.join(board_addresses(facts)) or 'none'}): connect it, or correct csvswarm_network"
        )
    root = next((mount for mount in facts.get("mounts", []) if mount["mount"] == "/"), None)
    free_mb = root["size_available"] // 2**20 if root else 0
    # The facts omit file systems that are not on a disk.
    if root is None or root.get("fstype") == "overlay":
        problems.append(
            "has no disk at /, so nothing survives a reboot: switch the overlay file system off (on Raspberry Pi OS: "
            "sudo raspi-config, Performance Options) and reboot the board"
        )
    elif free_mb < wants["disk_free_min_mb"]:
        problems.append(
            f"has {free_mb} MB free on /, {wants['disk_free_min_mb']} are needed: free some, use a larger card, or "
            "lower board_disk_free_min_mb"
        )
    if facts.get("memtotal_mb", 0) < wants["memory_min_mb"]:
        problems.append(
            f"has {facts.get('memtotal_mb', 0)} MB of memory, {wants['memory_min_mb']} are needed: leave the board "
            "out, or lower board_memory_min_mb"
        )
    return problems


def board_clock_problems(skew: int, tolerance: int) -> list[str]:
    """Return the problem of a board's clock, in a list, or an empty one. skew, tolerance: seconds."""
    if skew <= tolerance:
        return []
    problem = (
        f'has a clock that is off by {skew} s: set it, as in sudo date --set="@$(date +%s)" (packages and certificates '
        "are only good at the right time)"
    )
    return [problem]


def board_owner_problems(user: str, owner: str, number: int) -> list[str]:
    """Return the problem of the owner's number, in a list, or an empty one.

    Args:
        user: The user with that number on the board, or "".
        owner: The name of the share's owner.
        number: The number of the share's owner.
    """
    if user in ("", owner):
        return []
    return [f"has a user {user} with the number {number}: set csvswarm_owner_id to one that is free on all boards"]


def cluster_view(board: dict[str, Any]) -> dict[str, str]:
    """Return the input of cluster_problems() from a board's host variables."""
    facts = board.get("ansible_facts", {})
    address = board.get("board_address", "")
    subnet = ""
    for name in facts.get("interfaces", []):
        ipv4 = facts.get(name.replace("-", "_").replace(".", "_"), {}).get("ipv4", {})
        if address and ipv4.get("address") == address:
            subnet = f"{address}/{ipv4['netmask']}"
    return {
        "availability": board.get("csvswarm_availability", ""),
        "hostname": board.get("board_hostname") or board["inventory_hostname_short"],
        "machine_id": facts.get("machine_id", ""),
        "address": address,
        "subnet": subnet,
    }


def cluster_entry(board: dict[str, Any]) -> dict[str, str]:
    """Return a board's line for /etc/hosts, from its host variables."""
    view = cluster_view(board)
    return {"name": view["hostname"], "address": view["address"]}


def _setting_problems(name: str, board: dict[str, Any]) -> list[str]:
    """Return the problems of a board's settings in the inventory."""
    problems = []
    hostname = board["hostname"]
    if not HOSTNAME.fullmatch(hostname) or hostname == "localhost":
        problems.append(
            f"{name} cannot have the host name {hostname!r}: a host name has letters, digits and hyphens, not digits "
            f"alone. Write it as board1: {{ansible_host: {name}}}, or set board_hostname"
        )
    if board.get("availability", "") not in AVAILABILITIES:
        problems.append(f"{name} has csvswarm_availability: {board['availability']}. Use active, pause or drain")
    return problems


def _shared(boards: dict[str, dict[str, Any]], key: str) -> dict[str, list[str]]:
    counts = Counter(board[key] for board in boards.values() if board[key])
    return {
        value: sorted(name for name, board in boards.items() if board[key] == value)
        for value, count in counts.items()
        if count > 1
    }


def cluster_problems(boards: dict[str, dict[str, Any]], groups: dict[str, list[str]], pools: list[str]) -> list[str]:
    """Return why boards cannot form a cluster, each problem with what to change.

    Args:
        boards: By name in the inventory: hostname, machine_id, address, subnet (CIDR).
        groups: The inventory's groups.
        pools: The subnets that Swarm will give to overlay networks.
    """
    problems = [problem for name, board in boards.items() for problem in _setting_problems(name, board)]
    remedies = {
        "hostname": "share the host name {}: give each board another board_hostname",
        "address": "share the address {}: one machine is twice in the inventory, or two machines have the same address",
        "machine_id": (
            "share the machine id {}: their cards were copied from one another. On all but one: "
            "sudo rm /etc/machine-id /var/lib/dbus/machine-id; sudo systemd-machine-id-setup; sudo reboot"
        ),
    }
    for key, remedy in remedies.items():
        problems += [f"{', '.join(names)} {remedy.format(value)}" for value, names in _shared(boards, key).items()]
    managers = groups.get("swarm_manager", [])
    if len(managers) % 2 == 0:
        problems.append(
            f"the group swarm_manager has {len(managers)} boards: use one, three or five (an even number survives no "
            "more failures than the odd one below it)"
        )
    servers = groups.get("nfs_server", [])
    if len(servers) != 1:
        problems.append(f"the group nfs_server has {len(servers)} boards: the share is on exactly one")
    for pool in pools:
        hit = sorted(
            name
            for name, board in boards.items()
            if board["subnet"] and ip_network(board["subnet"], strict=False).overlaps(ip_network(pool))
        )
        if hit:
            problems.append(
                f"{', '.join(hit)}: in the network {boards[hit[0]]['subnet']}, which overlaps {pool}, where Swarm "
                "makes its own networks. Set swarm_manager_address_pool to a range that is unused around you"
            )
    return problems


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {
            "board_address": board_address,
            "board_clock_problems": board_clock_problems,
            "board_labels": board_labels,
            "board_owner_problems": board_owner_problems,
            "board_problems": board_problems,
            "cluster_entry": cluster_entry,
            "cluster_problems": cluster_problems,
            "cluster_view": cluster_view,
        }

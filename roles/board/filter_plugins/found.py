"""Problems of a board that Ansible's facts do not report (found by `__board_probe` in vars/main.yml)."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

#: The first networks that Docker makes on a board, of its bridge and of Swarm's, and their names.
DOCKER_NETWORKS = {"docker0": "172.17.0.0/16", "docker_gwbridge": "172.18.0.0/16"}
#: What the cluster opens itself, to its boards, and what needs no open port: DHCP, time, names of the local network,
#: and the helper of NFS 3, which csvswarm switches off.
CLUSTER_PORTS = {"tcp": {2049, 2377, 7946, 111}, "udp": {68, 111, 123, 323, 546, 4789, 5353, 7946}}
#: Forwards a published port of a container. Docker's own rules let these in, before the firewall.
PUBLISHED = "docker-proxy"


def board_found_problems(found: str, controllers: list[str], firewall_allowed: bool) -> list[str]:
    """Return problems, each with what to change.

    Args:
        found: The words that `__board_probe` printed.
        controllers: The kernel's controllers of cgroups.
        firewall_allowed: Whether another firewall of the board lets the cluster's boards in.
    """
    words = found.split()
    problems = []
    if "no-modules" in words:
        problems.append(
            "has no modules for the kernel that it runs, since the kernel's package was upgraded: reboot the board"
        )
    if "memory" not in controllers and "cmdline" not in words:
        problems.append(
            "has the kernel's memory controller off, and no /boot/firmware/cmdline.txt to switch it on in. Add "
            "cgroup_enable=memory to the kernel's command line (on GRUB systems: GRUB_CMDLINE_LINUX in "
            "/etc/default/grub, then update-grub; on newer Ubuntu for a Raspberry Pi: "
            "/boot/firmware/current/cmdline.txt), and reboot the board"
        )
    firewalls = [word.partition(":")[2] for word in words if word.startswith("firewall:")]
    if firewalls and not firewall_allowed:
        problems.append(
            f"has a firewall of its own ({', '.join(firewalls)}), which drops traffic between boards. "
            "Switch it off (sudo systemctl disable --now firewalld nftables), or let all boards in and set "
            "board_other_firewall: true for this board in the inventory"
        )
    return problems


def board_closed_ports(found: str, open_tcp: list[int], open_udp: list[int]) -> str:
    """Return which programs of a board will be reachable from the board alone, and what to do; "" where there are none.

    Args:
        found: The words that `__board_probe` printed.
        open_tcp: The ports that the firewall lets everybody reach.
        open_udp: The same for UDP.
    """
    kept = {"tcp": {*map(int, open_tcp)}, "udp": {*map(int, open_udp)}}
    closed: dict[tuple[str, int], str] = {}
    for word in found.split():
        kind, _, rest = word.partition(":")
        if kind != "listens":
            continue
        protocol, port, program = rest.split("/", 2)
        if program != PUBLISHED and int(port) not in kept[protocol] | CLUSTER_PORTS[protocol]:
            closed[protocol, int(port)] = program
    if not closed:
        return ""
    listed = ", ".join(f"{protocol} {port} ({program})" for (protocol, port), program in sorted(closed.items()))
    settings = ", ".join(
        f"firewall_open_{protocol}: {ports}"
        for protocol in ("tcp", "udp")
        if (ports := sorted(port for kind, port in closed if kind == protocol))
    )
    return (
        f"has programs that listen at {listed}. The firewall closes these ports to everybody. To keep them open, for "
        f"this board in the inventory: {settings}. Ports that containers publish stay open"
    )


def board_docker_problem(found: str, interfaces: list[str], subnet: str, settings: dict[str, Any]) -> str:
    """Return why a board could not be reached with Docker on it, and what to do, or "".

    Args:
        found: The words that `__board_probe` printed: also from where people and Ansible have logged in.
        interfaces: The board's network interfaces. A network of Docker's that is there already does no harm.
        subnet: The board's own network (CIDR), which Docker avoids; empty where it is unknown.
        settings: What the inventory adds to daemon.json.
    """
    if settings.keys() & {"bip", "default-address-pools"}:
        return ""
    peers = [word.removeprefix("ssh-from:") for word in found.split() if word.startswith("ssh-from:")]
    for name, network in DOCKER_NETWORKS.items():
        for peer in peers:
            # [::ffff:192.0.2.1] is an IPv4 address too; one of IPv6 is in no network of Docker's.
            address = peer.strip("[]").removeprefix("::ffff:")
            if ":" in address or name in interfaces or ip_address(address) not in ip_network(network):
                continue
            if not subnet or ip_address(address) not in ip_network(subnet, strict=False):
                return (
                    f"is reached from {address}, and would answer it no longer with Docker's own network {network}. "
                    "Give Docker other networks that are unused around you, for all boards in the inventory: "
                    "docker_engine_daemon: {bip: 10.214.0.1/24, default-address-pools: [{base: 10.215.0.0/16, "
                    "size: 24}]}"
                )
    return ""


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {
            "board_closed_ports": board_closed_ports,
            "board_docker_problem": board_docker_problem,
            "board_found_problems": board_found_problems,
        }

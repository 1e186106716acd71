"""Problems of a board that Ansible's facts do not report (found by `__board_look` in vars/main.yml)."""

from __future__ import annotations

from typing import Any


def board_found_problems(found: str, controllers: list[str], firewall_allowed: bool) -> list[str]:
    """Return problems, each with what to change.

    Args:
        found: The words that `__board_look` printed.
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


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"board_found_problems": board_found_problems}

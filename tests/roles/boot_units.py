"""The ordering of the boot units on the boards' operating systems, without their other settings."""

from __future__ import annotations

from pathlib import Path

EARLY = "DefaultDependencies=no\nConflicts=shutdown.target\nBefore=shutdown.target\n"

# Common to all systems (from systemd).
BASE = {
    "local-fs.target": EARLY + "Conflicts=shutdown.target",
    "sysinit.target": EARLY + "Wants=local-fs.target\nAfter=local-fs.target",
    "sockets.target": EARLY,
    "basic.target": "Requires=sysinit.target\nWants=sockets.target\nAfter=sysinit.target sockets.target",
    "network-pre.target": "DefaultDependencies=no",
    "network.target": "After=network-pre.target",
    "network-online.target": "After=network.target",
    "remote-fs.target": "DefaultDependencies=no",
    "multi-user.target": "Requires=basic.target\nAfter=basic.target\nConflicts=rescue.target",
    "shutdown.target": "DefaultDependencies=no",
    "rescue.target": "DefaultDependencies=no",
    "time-sync.target": "",
    "systemd-modules-load.service": EARLY + "Before=sysinit.target",
    "systemd-remount-fs.service": EARLY + "Before=local-fs.target",
    "dbus.service": "",
    "ssh.service": "After=network.target",
    "docker.service": "After=network-online.target\nWants=network-online.target",
}

NETWORKD = {
    "systemd-networkd.service": EARLY + "After=network-pre.target\nWants=network.target\nBefore=network.target",
    "systemd-networkd-wait-online.service": EARLY
    + "BindsTo=systemd-networkd.service\nAfter=systemd-networkd.service\nBefore=network-online.target",
}
NETWORK_MANAGER = {
    "NetworkManager.service": "Wants=network.target\nAfter=network-pre.target dbus.service\nBefore=network.target",
    "NetworkManager-wait-online.service": "Requires=NetworkManager.service\nAfter=NetworkManager.service\n"
    "Before=network-online.target",
}
IFUPDOWN = {
    "networking.service": EARLY
    + "Wants=network.target\nAfter=local-fs.target network-pre.target systemd-modules-load.service\n"
    "Before=network.target network-online.target",
}

LOCAL = EARLY + "Wants=network-pre.target\nBefore=network-pre.target sysinit.target"
NETWORKED = (
    EARLY
    + "Wants=cloud-init-local.service\nAfter=cloud-init-local.service networking.service\n"
    + "After=systemd-networkd-wait-online.service\nBefore=network-online.target sysinit.target ssh.service"
)
CLOUD_INIT_END = {
    "cloud-config.service": "After=network-online.target cloud-config.target\nWants=network-online.target",
    "cloud-final.service": "After=network-online.target time-sync.target cloud-config.service multi-user.target\n"
    "Wants=network-online.target",
}
# Debian 12 (22.4) and Ubuntu 24.04 (to 26.2).
CLOUD_INIT = {
    "cloud-init-local.service": LOCAL + "\nAfter=systemd-remount-fs.service\nBefore=NetworkManager.service",
    "cloud-init.service": NETWORKED,
    "cloud-config.target": "Wants=cloud-init.service\nAfter=cloud-init-local.service cloud-init.service",
    **CLOUD_INIT_END,
}
# Debian 13 (25.1) and the matching Raspberry Pi OS.
CLOUD_INIT_25 = {
    "cloud-init-main.service": EARLY + "After=systemd-remount-fs.service\nBefore=cloud-init-local.service",
    "cloud-init-local.service": LOCAL,
    "cloud-init-network.service": NETWORKED,
    "cloud-config.target": "Wants=cloud-init-network.service\n"
    "After=cloud-init-local.service cloud-init-network.service",
    **CLOUD_INIT_END,
}
UFW = {
    "ufw.service": EARLY + "Before=network-pre.target\nWants=network-pre.target local-fs.target\nAfter=local-fs.target"
}

SYSTEMS: dict[str, dict[str, str]] = {
    "Debian 12": IFUPDOWN,
    "Debian 12, cloud-init": IFUPDOWN | CLOUD_INIT,
    "Debian 12, cloud-init, networkd": NETWORKD | CLOUD_INIT,
    "Debian 13, cloud-init": IFUPDOWN | NETWORKD | CLOUD_INIT_25,
    "Debian 13, NetworkManager": NETWORK_MANAGER | IFUPDOWN,
    "Raspberry Pi OS 13, cloud-init, NetworkManager": NETWORK_MANAGER | CLOUD_INIT_25,
    "Ubuntu 24.04, cloud-init, ufw": NETWORKD | CLOUD_INIT | UFW,
    "Ubuntu 24.04, cloud-init, NetworkManager": NETWORKD | NETWORK_MANAGER | CLOUD_INIT | UFW,
}


def write_units(folder: Path, system: dict[str, str]) -> None:
    """Write the units of a system, with all of them wanted by multi-user.target."""
    for name, lines in (BASE | system).items():
        kind = "" if name.endswith(".target") else "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"
        (folder / name).write_text(f"[Unit]\n{lines}\n{kind}")
    for name in [*system, "ssh.service", "docker.service", "systemd-modules-load.service"]:
        want(folder, name)


def want(folder: Path, name: str, target: str = "multi-user.target") -> None:
    """Enable a unit according to its [Install] section."""
    wants = folder / f"{target}.wants"
    wants.mkdir(exist_ok=True)
    (wants / name).symlink_to(folder / name)

"""Print a board's health as JSON. Only reads, and needs only Python: board_status.py SHARE."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any


def run(*command: str) -> str:
    """Return a command's output, '' if it fails or is not installed."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def memory_mb() -> tuple[int, int]:
    """Return (total, available) memory in MB."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) // 1024 for line in lines}
    return sizes["MemTotal"], sizes["MemAvailable"]


def share_mount(path: str) -> str:
    """Return the type and options of what is mounted at the path, or ''."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, options = line.split()[:4]
        if where == path:
            return f"{kind} {options}"
    return ""


def clock_offset() -> float | None:
    """Return the clock's offset in seconds as chrony measures it, None without a time source."""
    fields = run("chronyc", "-c", "tracking").split(",")
    return float(fields[4]) if len(fields) > 4 and fields[2] not in ("", "0") else None


def certificate_days(root: str) -> float | None:
    """Return for how many days the board's swarm certificate is valid, None without one."""
    end = run("openssl", "x509", "-noout", "-enddate", "-in", f"{root}/swarm/certificates/swarm-node.crt")
    return (ssl.cert_time_to_seconds(end.partition("=")[2]) - time.time()) / 86400 if end else None


def temperature(zones: Path = Path("/sys/class/thermal")) -> float | None:
    """Return the temperature of the hottest sensor in degrees Celsius, or None without one."""
    found = []
    for path in zones.glob("thermal_zone*/temp"):
        with suppress(OSError, ValueError):
            found.append(int(path.read_text()) / 1000)
    return max((degrees for degrees in found if 0 < degrees < 150), default=None)


def throttled(paths: tuple[Path, ...] = (Path("/sys/devices/platform/soc/soc:firmware/get_throttled"),)) -> int | None:
    """Return the power and heat flags of a Raspberry Pi, as bits; None on another board."""
    for path in paths:
        with suppress(OSError, ValueError):
            return int(path.read_text(), 16)
    with suppress(ValueError):
        return int(run("vcgencmd", "get_throttled").partition("=")[2], 16)
    return None


def model() -> str:
    """Return the name of the board's model, or '' when it has none."""
    for path in "/proc/device-tree/model", "/sys/class/dmi/id/product_name":
        with suppress(OSError):
            return Path(path).read_text(errors="replace").strip("\0\n ")[:80]
    return ""


def main() -> None:
    """Print the report."""
    share = sys.argv[1]
    total, available = memory_mb()
    up_seconds = float(Path("/proc/uptime").read_text().split()[0])
    # cat in a separate process: if the server is off, a read of the share never returns.
    sentinel = run("timeout", "10", "cat", f"{share}/.csvswarm-cluster")
    report: dict[str, Any] = {
        "up_seconds": int(up_seconds),
        "hostname": socket.gethostname(),
        "model": model(),
        "machine": os.uname().machine,
        "cores": os.cpu_count() or 1,
        "temperature": temperature(),
        "throttled": throttled(),
        "load": os.getloadavg()[0],
        "memory_mb": total,
        "memory_free_mb": available,
        "disk_mb": shutil.disk_usage("/").total // 2**20,
        "disk_free_mb": shutil.disk_usage("/").free // 2**20,
        "share": sentinel,
        "share_mount": share_mount(share),
        "share_mb": shutil.disk_usage(share).total // 2**20 if sentinel else 0,
        "share_free_mb": shutil.disk_usage(share).free // 2**20 if sentinel else 0,
        "clock_offset": clock_offset(),
        "docker": run("systemctl", "is-active", "docker") or "not running",
        "firewall": run("iptables", "--wait", "10", "-S", "INPUT").count("-j CSVSWARM"),
        "failed_units": [
            line.split()[0] for line in run("systemctl", "--failed", "--plain", "--no-legend").splitlines()
        ],
        "node": {},
        "nodes": [],
    }
    info = run("docker", "info", "--format", "{{json .Swarm}}\n{{.DockerRootDir}}")
    if info:
        swarm, root = info.splitlines()
        keys = ("NodeID", "NodeAddr", "LocalNodeState", "ControlAvailable", "Error")
        report["node"] = {key: json.loads(swarm).get(key) for key in keys}
        report["certificate_days"] = certificate_days(root)
        report["engine"] = run("docker", "version", "--format", "{{.Server.Version}}")
    if report["node"].get("ControlAvailable"):
        listed = run("docker", "node", "ls", "--format", "{{json .}}")
        report["nodes"] = [json.loads(line) for line in listed.splitlines()]
    print(json.dumps(report))


if __name__ == "__main__":
    main()

"""Health of the cluster from the boards' reports (files/board_status.py): a table and a list of what is wrong."""

from __future__ import annotations

from typing import Any

Report = dict[str, Any]

COLUMNS = ("board", "part", "swarm", "docker", "share", "disk free", "memory free", "load", "up")
DISK_LOW_MB = 1000
CLOCK_TOLERANCE = 1.0


def _duration(seconds: int) -> str:
    if seconds < 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 48 * 3600 else f"{seconds // 86400} d"


def _parts(board: str, groups: dict[str, list[str]]) -> list[str]:
    names = {"swarm_manager": "manager", "swarm_worker": "worker", "nfs_server": "NFS server"}
    return [name for group, name in names.items() if board in groups.get(group, [])]


def _listed(reports: dict[str, Report]) -> list[dict[str, str]]:
    return next((report["nodes"] for report in reports.values() if report.get("nodes")), [])


def _state(report: Report, listed: list[dict[str, str]]) -> str:
    node = report.get("node", {}).get("NodeID")
    found = [n for n in listed if node and n["ID"] == node]
    return f"{found[0]['Status']}, {found[0]['Availability']}".lower() if found else "not a node"


def status_table(reports: dict[str, Report], groups: dict[str, list[str]]) -> str:
    """Return one line for each board, in columns."""
    listed = _listed(reports)
    rows: list[tuple[str, ...]] = [COLUMNS]
    for board, report in sorted(reports.items()):
        part = ", ".join(_parts(board, groups))
        if not report:
            rows.append((board, part, "cannot be reached", *[""] * (len(COLUMNS) - 3)))
            continue
        rows.append(
            (
                board,
                part,
                _state(report, listed),
                report.get("engine") or report["docker"],
                f"{report['share_free_mb'] / 1024:.1f} GB free" if report["share"] else "missing",
                f"{report['disk_free_mb'] / 1024:.1f} GB",
                f"{report['memory_free_mb']} of {report['memory_mb']} MB",
                f"{report['load']:.1f}",
                _duration(report["up_seconds"]),
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    padded = (map(str.ljust, row, widths) for row in rows)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def _board_problems(board: str, report: Report, member: bool, listed: list[dict[str, str]]) -> list[str]:
    if not report:
        return [f"{board} cannot be reached: is it on and connected?"]
    problems = []
    if not report["share"]:
        problems.append("has no share: is the NFS server on? Then on the board: systemctl status csvswarm-share")
    elif report["share_free_mb"] < DISK_LOW_MB:
        problems.append(f"sees {report['share_free_mb']} MB free on the share: remove old jobs")
    if report["disk_free_mb"] < DISK_LOW_MB:
        problems.append(f"has {report['disk_free_mb']} MB free on /: sudo docker system prune, or a larger card")
    if report["clock_offset"] is not None and abs(report["clock_offset"]) > CLOCK_TOLERANCE:
        problems.append(f"has a clock that is off by {report['clock_offset']:.1f} s: chronyc sources")
    if not report["firewall"]:
        problems.append("has no firewall: run site.yml, or set csvswarm_firewall to false if that is meant")
    if report["failed_units"]:
        problems.append(f"has failed units ({', '.join(report['failed_units'])}): systemctl status names the reason")
    if member and report["docker"] != "active":
        problems.append(f"has a Docker that is {report['docker']}: systemctl status docker csvswarm-share")
    elif member and not _state(report, listed).startswith("ready"):
        problems.append(f"is {_state(report, listed)} in the swarm: run site.yml")
    return [f"{board} {problem}" for problem in problems]


def status_problems(reports: dict[str, Report], groups: dict[str, list[str]], *, firewall: bool = True) -> list[str]:
    """Return what is wrong, each with what to do. Empty means healthy."""
    listed = _listed(reports)
    members = {*groups.get("swarm_manager", []), *groups.get("swarm_worker", [])}
    problems = []
    for board, report in sorted(reports.items()):
        seen = report if firewall or not report else {**report, "firewall": 1}
        problems += _board_problems(board, seen, board in members, listed)
    shares = {report["share"] for report in reports.values() if report and report["share"]}
    if len(shares) > 1:
        problems.append(f"the boards see different shares ({', '.join(sorted(shares))}): run site.yml")
    if members and not listed:
        problems.append("no manager answers for the swarm: with three managers, two must be on")
    known = {report.get("node", {}).get("NodeID") for report in reports.values() if report}
    if all(reports.values()):
        problems += [
            f"the swarm has a node {node['Hostname'] or 'without a name'} ({node['ID']}, {node['Status'].lower()}) "
            f"that is no board here: on a manager, sudo docker node rm --force {node['ID']}"
            for node in listed
            if node["ID"] not in known
        ]
    return problems


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"status_problems": status_problems, "status_table": status_table}

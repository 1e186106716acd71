"""Health of the cluster from the boards' reports (files/board_status.py): a table and a list of problems."""

from __future__ import annotations

from collections import Counter
from typing import Any

Report = dict[str, Any]

COLUMNS = ("board", "part", "swarm", "certificate", "docker", "share", "disk free", "memory free", "load", "up")
DISK_LOW_MB = 1000
#: Degrees Celsius from which a Raspberry Pi slows down; most others do so later.
HOT = 80.0
#: The bits of get_throttled: from 0 for now, from 16 for the time since the board was booted.
THROTTLING = "undervoltage", "capped frequency", "throttling", "soft temperature limit"
CLOCK_TOLERANCE = 1.0
# A running engine renews its certificate before a fifth of its validity is left: 18 of 90 days.
CERTIFICATE_LOW_DAYS = 14


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


def _certificate(report: Report) -> str:
    days = report.get("certificate_days")
    if days is None:
        return "none"
    return "expired" if days < 0 else f"{int(days)} d"


def _swarm_problem(report: Report, manages: bool, listed: list[dict[str, str]]) -> str:
    """Return the problem of a board's role in the swarm, or ""."""
    node, days = report.get("node", {}), report.get("certificate_days")
    error = node.get("Error") or ""
    if "certificate has expired" in error or (days is not None and days < 0):
        return "has a certificate for the swarm that expired, since it was off for too long: run " + (
            "playbooks/recover.yml" if manages else "site.yml, and it rejoins"
        )
    if "does not have a leader" in error or "DeadlineExceeded" in error:
        return (
            "manages a swarm without a quorum: more than half of the managers must be on, or run playbooks/recover.yml"
        )
    if not _state(report, listed).startswith("ready"):
        return f"is {_state(report, listed)} in the swarm: run site.yml" + (f" ({error})" if error else "")
    if days is not None and days < CERTIFICATE_LOW_DAYS:
        return (
            f"has a certificate for the swarm that expires in {int(days)} days: keep the board on until it is renewed"
        )
    return ""


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
                _certificate(report),
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


def throttling(code: int | None) -> list[str]:
    """Return the power and heat problems of a Raspberry Pi. code: its bits, None on another board."""
    return [
        f"{name} {'now' if bit < 16 else 'since it was booted'}"
        for shift in (0, 16)
        for bit, name in ((number + shift, name) for number, name in enumerate(THROTTLING))
        if code and code >> bit & 1
    ]


def status_boards(
    reports: dict[str, Report], groups: dict[str, list[str]], history: dict[str, dict[str, Any]], problems: list[str]
) -> list[dict[str, Any]]:
    """Return the data of each board for the page of boards. history: hostname -> its work in the last jobs.

    problems: those of the whole cluster. Amounts are in MB, temperature in degrees Celsius.
    """
    listed = _listed(reports)
    return [
        report
        | {
            "board": board,
            "parts": _parts(board, groups),
            "state": _state(report, listed) if report else "cannot be reached",
            "up": _duration(report["up_seconds"]) if report else "",
            "throttling": throttling(report.get("throttled")),
            "hot": (report.get("temperature") or 0) >= HOT,
            "jobs": history.get(report.get("hostname", board)),
            "problems": [problem for problem in problems if problem.startswith(f"{board} ")],
        }
        for board, report in sorted(reports.items())
    ]


def _machine_problems(report: Report) -> list[str]:
    problems = []
    if report["disk_free_mb"] < DISK_LOW_MB:
        problems.append(f"has {report['disk_free_mb']} MB free on /: sudo docker system prune, or a larger card")
    if report["clock_offset"] is not None and abs(report["clock_offset"]) > CLOCK_TOLERANCE:
        problems.append(f"has a clock that is off by {report['clock_offset']:.1f} s: chronyc sources")
    if words := throttling((report.get("throttled") or 0) & 0xF):
        reason = ", ".join(words)
        problems.append(f"is throttled by its power supply or heat ({reason}): check supply, cable and cooling")
    return problems


def _board_problems(
    board: str, report: Report, groups: dict[str, list[str]], listed: list[dict[str, str]]
) -> list[str]:
    if not report:
        return [f"{board} cannot be reached: is it on and connected?"]
    problems = []
    if not report["share"]:
        problems.append("has no share: is the NFS server on? Then on the board: systemctl status csvswarm-share")
    elif report["share_free_mb"] < DISK_LOW_MB:
        problems.append(f"sees {report['share_free_mb']} MB free on the share: remove old jobs")
    problems += _machine_problems(report)
    if not report["firewall"]:
        problems.append("has no firewall: run site.yml, or set csvswarm_firewall to false if that is intended")
    if report["failed_units"]:
        problems.append(f"has failed units ({', '.join(report['failed_units'])}): systemctl status names the reason")
    manages = board in groups.get("swarm_manager", [])
    member = manages or board in groups.get("swarm_worker", [])
    if member and report["docker"] != "active":
        problems.append(f"has Docker in the state {report['docker']}: systemctl status docker csvswarm-share")
    elif member and (problem := _swarm_problem(report, manages, listed)):
        problems.append(problem)
    return [f"{board} {problem}" for problem in problems]


def status_problems(reports: dict[str, Report], groups: dict[str, list[str]], *, firewall: bool = True) -> list[str]:
    """Return problems, each with its remedy. Empty means healthy."""
    listed = _listed(reports)
    members = {*groups.get("swarm_manager", []), *groups.get("swarm_worker", [])}
    problems = []
    for board, report in sorted(reports.items()):
        seen = report if firewall or not report else {**report, "firewall": 1}
        problems += _board_problems(board, seen, groups, listed)
    shares = {report["share"] for report in reports.values() if report and report["share"]}
    if len(shares) > 1:
        problems.append(f"the boards see different shares ({', '.join(sorted(shares))}): run site.yml")
    errors = [report["node"].get("Error") for report in reports.values() if report and report["node"]]
    if members and not listed and not any(errors):
        problems.append("no manager answers for the swarm: with three managers, two must be on")
    ids = Counter(report["node"]["NodeID"] for report in reports.values() if report.get("node", {}).get("NodeID"))
    for node, count in ids.items():
        if count > 1:
            names = ", ".join(sorted(name for name, r in reports.items() if r.get("node", {}).get("NodeID") == node))
            problems.append(
                f"{names} are the same node of the swarm ({node}): a card was copied. On all but one: sudo docker "
                "swarm leave --force; then run site.yml"
            )
    known = {report.get("node", {}).get("NodeID") for report in reports.values() if report}
    # A board that does not report its node may be one of the nodes without a board.
    if all(reports.values()) and all(reports[board]["node"].get("NodeID") for board in members & reports.keys()):
        problems += [
            f"the swarm has a node {node['Hostname'] or 'without a name'} ({node['ID']}, {node['Status'].lower()}) "
            f"that is not in the inventory: on a manager, sudo docker node rm --force {node['ID']}"
            for node in listed
            if node["ID"] not in known
        ]
    return problems


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"status_boards": status_boards, "status_problems": status_problems, "status_table": status_table}

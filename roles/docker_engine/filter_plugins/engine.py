"""Docker as found on a board (by `__docker_engine_probe` in vars/main.yml), and whether the role can use it."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import urlsplit

Seen = dict[str, Any]

# The oldest engine that csvswarm is tested with.
OLDEST = (20, 10)
OWN_SOURCE = "/etc/apt/sources.list.d/csvswarm-docker.sources"
# Packages that apt would remove for the engine, without asking.
FOREIGN = ("podman-docker", "moby-engine", "docker-engine", "lxc-docker")
SOCKETS = {"unix:///var/run/docker.sock", "unix:///run/docker.sock", "fd://"}


def _version(text: str) -> tuple[int, int]:
    """Return (major, minor) of a package's version, such as 5:28.0.1-1~debian.13~trixie."""
    found = re.match(r"(?:\d+:)?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def engine_seen(text: str) -> Seen:
    """Return the facts that `__docker_engine_probe` printed.

    Returns:
        packages: version by name; snaps, programs: paths; sources: (file, address) of apt's sources; containers: names
        of those that run, and running: whether an engine does, where the role is new; daemon: the text of daemon.json,
        or ""; record: what the role noted (filter_plugins/daemon.py).
    """
    seen: Seen = {"packages": {}, "snaps": [], "programs": [], "sources": [], "containers": [], "running": False}
    seen |= {"daemon": "", "csvswarm": ""}
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "package":
            status, name, *version = rest.split()  # a package that is not installed has no version
            if status == "installed":
                seen["packages"][name] = version[0]
        elif kind in {"snap", "program", "container"}:
            seen[f"{kind}s"].append(rest)
        elif kind == "running":
            seen["running"] = True
        elif kind == "source":
            file, _, entry = rest.partition(":")
            seen["sources"] += [[file, word] for word in entry.split() if "://" in word and not word.startswith("[")]
        elif kind == "file":
            name, _, content = rest.partition(" ")
            seen[name] = base64.b64decode(content).decode(errors="replace")
    try:
        seen["record"] = json.loads(seen.pop("csvswarm") or "{}")
    except ValueError:  # truncated by a power cut
        seen["record"] = {}
    return seen


def engine_kept(seen: Seen) -> bool:
    """Return whether the board's docker-ce is used as it is."""
    return _version(seen["packages"].get("docker-ce", "")) >= OLDEST


def engine_packages(facts: dict[str, Any], kept: bool, repository: dict[str, Any]) -> list[str]:
    """Return the packages of the engine and of what it needs.

    Args:
        facts: Ansible's facts of the board.
        kept: Whether the board has an engine that is used as it is.
        repository: The repository of Docker's own packages, {} for the system's.
    """
    if kept:
        engine = []
    elif repository:
        engine = ["docker-ce", "docker-ce-cli", "containerd.io"]
    elif facts["distribution"] == "Debian" and int(facts["distribution_major_version"]) >= 13:
        engine = ["docker.io", "docker-cli"]
    else:
        engine = ["docker.io"]
    return [
        *engine,
        "iptables",
        "python3-docker",
        *(["apparmor"] if facts["apparmor"]["status"] == "enabled" else []),
    ]


def engine_before(seen: Seen) -> str:
    """Return the engine that ran before the role, with its version; empty without one.

    An engine that is installed but does not run may be left over from a failed run of site.yml.
    """
    if not seen["running"]:
        return ""
    found = [f"{name} {seen['packages'][name]}" for name in ("docker-ce", "docker.io") if name in seen["packages"]]
    return found[0] if found else ""


def engine_sources(seen: Seen, address: str) -> list[str]:
    """Return the files that already name a repository of packages, except the role's own."""

    def host_and_path(url: str) -> str:
        parts = urlsplit(url)
        return f"{parts.hostname}{parts.path.rstrip('/')}"

    return sorted(
        {file for file, url in seen["sources"] if file != OWN_SOURCE and host_and_path(url) == host_and_path(address)}
    )


def _unusable(seen: Seen) -> list[str]:
    """Return problems that no variable overrides: two engines would use the same socket."""
    if seen["snaps"]:
        problem = "has Docker as a snap, which cannot see the share: save its containers' data, then on the board: "
        return [problem + "sudo snap remove docker"]
    return [
        f"has a Docker engine that no package owns ({path}): remove it as it was installed, then rerun this"
        for path in seen["programs"]
    ]


def _replaced(seen: Seen) -> list[str]:
    """Return the packages that the engine would replace."""
    packages = seen["packages"]
    found = [name for name in FOREIGN if name in packages]
    if "docker-ce" in packages and not engine_kept(seen):
        found.append("docker-ce")
    if "containerd.io" in packages and "docker-ce" not in packages:
        found.append("containerd.io")
    return [f"{name} {packages[name]}" for name in found]


def _changed_settings(text: str, merged: str) -> list[str]:
    before = json.loads(text) if text.strip() else {}
    return sorted(key for key, value in json.loads(merged).items() if before.get(key) != value)


def engine_problems(seen: Seen, merged: str, take_over: bool) -> list[str]:
    """Return why the role refuses the Docker of a board, each problem with what to do.

    Args:
        seen: What engine_seen() returned.
        merged: The text of daemon.json that the role would write.
        take_over: Whether packages may be replaced and containers may be ended.
    """
    problems = _unusable(seen)
    settings = json.loads(merged)
    if "userns-remap" in settings:
        problems.append(
            "has userns-remap in /etc/docker/daemon.json: containers then cannot write to the share. Remove the setting"
        )
    if settings.get("hosts") and not SOCKETS & set(settings["hosts"]):
        problems.append(
            "has hosts without unix:///var/run/docker.sock in /etc/docker/daemon.json: csvswarm calls the engine "
            "there. Add it"
        )
    replaced = _replaced(seen)
    if replaced and not take_over:
        problems.append(
            f"has {', '.join(replaced)}, which the installation of Docker would remove. If that is intended: "
            "-e docker_engine_take_over=true, or docker_engine_take_over: true for this board in the inventory"
        )
    changed = _changed_settings(seen["daemon"], merged)
    if seen["containers"] and changed and not take_over:
        problems.append(
            f"runs containers ({', '.join(seen['containers'])}) with {engine_before(seen) or 'its Docker'}, which must "
            f"restart for new settings ({', '.join(changed)}): they end, unless a restart policy starts them. If that "
            "is intended: docker_engine_take_over: true for this board in the inventory, or with -e"
        )
    return problems


def engine_notes(seen: Seen, merged: str) -> list[str]:
    """Return notes about the user's settings that are kept."""
    if seen["record"] or not engine_before(seen):
        return []
    notes = [f"has {engine_before(seen)} already, which is used as it is"]
    before = json.loads(seen["daemon"]) if seen["daemon"].strip() else {}
    kept = sorted(key for key, value in before.items() if json.loads(merged).get(key) == value)
    if kept:
        notes.append(f"keeps these settings of its daemon.json: {', '.join(kept)}")
    return notes


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {
            "engine_before": engine_before,
            "engine_kept": engine_kept,
            "engine_notes": engine_notes,
            "engine_packages": engine_packages,
            "engine_problems": engine_problems,
            "engine_seen": engine_seen,
            "engine_sources": engine_sources,
        }

"""Describes the environment of a run: machine, versions, date and revision of this repository."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.measure import ROOT
from bench.tools import OURS

PACKAGES = ("pandas", "numpy", "pyarrow", "polars", "duckdb")


def machine() -> dict[str, Any]:
    """Describe the machine."""
    memory = _line("/proc/meminfo", "MemTotal").split()
    return {
        "cpu": _line("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(memory[0]) * 1024 / 1e9, 1) if memory else None,
        "kernel": platform.release(),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Return the versions of the tools."""
    ansible = _output_of([str(OURS / "python"), "-c", "import ansible.release as r; print(r.__version__)"])
    return {
        "csvswarm": revision(),
        "Python": platform.python_version(),
        "ansible-core": ansible or "missing",
        **{name: version(name) for name in PACKAGES},
    }


def revision() -> str:
    """Return the revision of this repository, marked if the measured code differs from it."""
    changed = _output_of(["git", "status", "--porcelain", "--", "scripts", "files/processors", "roles"])
    return (_output_of(["git", "rev-parse", "--short", "HEAD"]) or "unknown") + (", changed" if changed else "")


def today() -> str:
    """Return the date, in UTC."""
    return dt.datetime.now(dt.UTC).date().isoformat()


def _output_of(command: list[str]) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def _line(file: str, key: str) -> str:
    for line in Path(file).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""

"""Summarize the outcomes of schedules: python -m tests.faults.summarize LOG."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

NAMES = {
    "Killed": "killed at a system call",
    "KilledLater": "all processes killed at some moment",
    "Failing": "a system call fails",
    "Flaky": "fsync, rename, unlink fail now and then",
    "Limited": "files may not grow",
    "Short": "short reads and writes",
    "Stopped": "an attempt pauses and continues later",
    "Fault": "no fault of its own (also: on a full disk)",
}


def summary(log: Path) -> str:
    """Return a table: fault, runs, number of runs that were certainly hit, and outcomes."""
    schedules = [json.loads(line) for line in log.read_text().splitlines()]
    runs = [run for schedule in schedules for run in schedule["runs"]]
    failed = [schedule["seed"] for schedule in schedules if schedule["failed"]]
    lines = [f"{len(schedules)} schedules, {len(runs)} runs of the scripts", f"broke the promise: {failed}", ""]
    lines.append(f"{'fault':45} {'runs':>6} {'hit':>6} {'done':>6} {'failed':>7} {'killed':>7}")
    for kind, name in NAMES.items():
        of_kind = [run for run in runs if run["fault"] == kind]
        codes = Counter(run["code"] for run in of_kind)
        hit = sum(bool(run["hit"]) for run in of_kind) if any(run["hit"] is not None for run in of_kind) else "-"
        lines.append(f"{name:45} {len(of_kind):6} {hit:>6} {codes[0]:6} {codes[1]:7} {codes[-9]:7}")
    attacks = Counter(schedule["attack"] for schedule in schedules)
    return "\n".join([*lines, "", ", ".join(f"{name}: {count}" for name, count in sorted(attacks.items()))])


if __name__ == "__main__":
    sys.stdout.write(summary(Path(sys.argv[1])) + "\n")

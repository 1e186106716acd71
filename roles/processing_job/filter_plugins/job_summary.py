"""The outcome of a job, and how long the user has waited for it."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def processing_job_waited(at: float | None = None) -> float:
    """Return the seconds that the user had waited since the start of ansible-playbook, at a time or now.

    at: of this machine's monotonic clock. A task runs in a fork of ansible-playbook, which has the same command line.
    Raises OSError where there is no /proc.
    """
    process = Path("/proc/self").resolve()
    command = (process / "cmdline").read_bytes()
    while True:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        parent = Path("/proc") / fields[1]
        if not parent.exists() or (parent / "cmdline").read_bytes() != command:
            break
        process = parent
    up = float(Path("/proc/uptime").read_text().split()[0])
    waited = up - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return waited if at is None else waited - (time.monotonic() - float(at))


def processing_job_summary(output: str, status: dict[str, Any]) -> dict[str, Any]:
    """Return the summary of a job on boards, as the three scripts leave it on one machine.

    output: the directory with the delivered result. status: the driver's last one.
    """
    report = json.loads((Path(output) / "job.json").read_text())
    counts = Counter(attempt["board"] for attempt in report["attempts"] if attempt["counts"])
    rejected = int(report["rejected"])
    return {
        "split": {"chunks": report["chunks"], "seconds": status["stages"]["split"]},
        "process": {
            "workers": len(counts),
            "chunks_per_worker": [counts[board] for board in sorted(counts)],
            "boards": sorted(counts),
            "seconds": status["stages"]["process"],
        },
        "collect": {
            "chunks": report["chunks"],
            "rows_in": report["rows_in"],
            "rows_out": report["rows_out"],
            "rejected": rejected,
            "result": f"{output}/{report['result']['name']}",
            "rejected_file": f"{output}/rejected.csv" if rejected else None,
            "seconds": status["stages"]["collect"],
        },
    }


def processing_job_stage_times(times: dict[str, float], status: dict[str, Any], waited: float) -> dict[str, float]:
    """Return the seconds of each stage, as the user waited for it.

    times: seconds from the command until prepared, sent, began (deployed) and ended (collected).
    waited: seconds from the command until now.
    """
    stages = status["stages"]
    on_boards = times["ended"] - times["began"]
    return {
        "prepare": times["prepared"],
        "send": max(times["sent"] - times["prepared"], 0.0),
        "image": max(times["began"] - max(times["sent"], times["prepared"]), 0.0),
        "wait for boards": max(on_boards - sum(stages.values()), 0.0),
        **{name: stages[name] for name in ("split", "process", "collect")},
        "fetch": waited - times["ended"],
    }


def processing_job_local_stage_times(summary: dict[str, Any], waited: float) -> dict[str, float]:
    """Return the seconds of each stage of a job on this machine. prepare: what the scripts did not need."""
    seconds = {name: float(summary[name]["seconds"]) for name in ("split", "process", "collect")}
    return {"prepare": max(waited - sum(seconds.values()), 0.0), **seconds}


def processing_job_stages(
    times: dict[str, float], status: dict[str, Any], waited: float
) -> list[tuple[str, float, float]]:
    """Return (name, start, end) of the stages outside of the driver, by the clock of its board.

    The arguments are those of processing_job_stage_times. Times are in seconds since 1970. The driver's last status was
    written when the job had ended: that gives the difference between the clocks.
    """
    command = status["updated"] - times["ended"]
    stages = [
        ("prepare", 0.0, times["prepared"]),
        ("send", times["prepared"], times["sent"]),
        ("image", max(times["sent"], times["prepared"]), times["began"]),
        ("fetch", times["ended"], waited),
    ]
    return [(name, command + start, command + end) for name, start, end in stages if end > start]


class FilterModule:
    """The filters, for Ansible."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {
            "processing_job_local_stage_times": processing_job_local_stage_times,
            "processing_job_stage_times": processing_job_stage_times,
            "processing_job_stages": processing_job_stages,
            "processing_job_summary": processing_job_summary,
            "processing_job_waited": processing_job_waited,
        }

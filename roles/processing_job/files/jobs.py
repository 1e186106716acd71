"""The jobs in a folder of job directories: python3 jobs.py FOLDER RESULTS ACTION [JOB | DAYS].

FOLDER holds the job directories, RESULTS what they came to (the same names), ACTION is list, show, remove or prune.
Answers with one JSON object. Runs on boards, so it uses nothing but the standard library.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

DAY = 86_400
#: What tells a share from any other folder, and the folders of what was sent to it.
SENTINEL, SENT = ".csvswarm-cluster", ("inputs", "processors", "images")


def read(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, an empty one when there is none."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def asked(job: Path) -> Path:
    """Return where the share keeps what a job was asked for: out of the reach of its processor."""
    return job.parent.parent / "requests" / f"{job.name}.json"


def about(job: Path) -> dict[str, Any]:
    """Return what can be said of a job from its directory, which its processor may have written anything into."""
    try:
        return told(job)
    except (AttributeError, KeyError, TypeError):
        return nothing(job) | {"state": "damaged"}


def nothing(job: Path) -> dict[str, Any]:
    """Return what can be said of a job whose directory says nothing."""
    shared = (job.parent.parent / SENTINEL).exists()
    return {
        "job": job.name,
        "shared": shared,
        "wish": read(asked(job)) if shared else {},
        **dict.fromkeys(("chunks", "finished", "rows", "changed"), 0),
        **{name: {} for name in ("input", "processor", "request")},
        **{name: [] for name in ("errors", "logs")},
        "output": "",
    }


def told(job: Path) -> dict[str, Any]:
    """Return what a job's directory says. Raises AttributeError, KeyError or TypeError when that makes no sense."""
    manifest, done = read(job / "manifest.json"), read(job / "done.json")
    receipts = [read(path) for path in sorted(job.glob("receipts/*.json"))]
    newest = {receipt["chunk"]: receipt for receipt in receipts if receipt}
    failed = [receipt for receipt in newest.values() if receipt["status"] == "error"]
    chunks = len(manifest.get("chunks", []))
    finished = sum(receipt["status"] == "done" for receipt in newest.values())
    state = "done" if done else "failed" if failed else "not split" if not manifest else "unfinished"
    return nothing(job) | {
        "state": state,
        "chunks": chunks,
        "finished": finished,
        "changed": max(path.lstat().st_mtime for path in [job, *job.iterdir()]),
        "input": manifest.get("input", {}),
        "processor": manifest.get("processor", {}),
        "request": manifest.get("request", {}),
        "output": manifest.get("output") or done.get("output", ""),
        "rows": sum(chunk["rows"] for chunk in manifest.get("chunks", [])),
        "errors": sorted({receipt["message"] for receipt in failed}),
        "logs": sorted(path.name for path in job.glob("logs/*.log")),
    }


def remove(job: Path, results: Path) -> None:
    """Remove a job and what it came to. The manifest goes first: what is left of a removal is no job any more."""
    (job / "manifest.json").unlink(missing_ok=True)
    shutil.rmtree(job)
    shutil.rmtree(results / job.name, ignore_errors=True)
    asked(job).unlink(missing_ok=True)


def prune(folder: Path, results: Path, before: float) -> list[str]:
    """Remove the jobs that were done before a time, and on a share what was sent for jobs before it."""
    found = [about(job) for job in sorted(folder.iterdir()) if job.is_dir()] if folder.is_dir() else []
    old = [job["job"] for job in found if job["state"] == "done" and job["changed"] < before]
    for name in old:
        remove(folder / name, results)
    # Inputs are named after their content, so nobody can tell whose they are: they stay while any job is unfinished.
    share = folder.parent
    if (share / SENTINEL).exists() and all(job["state"] == "done" for job in found):
        for path in [path for kind in SENT for path in sorted((share / kind).glob("*"))]:
            if path.is_file() and path.stat().st_ctime < before:
                path.unlink()
                old.append(str(path.relative_to(share)))
    return old


def main(folder: Path, results: Path, action: str, argument: str) -> dict[str, Any]:
    """Do what is asked and return the answer."""
    jobs = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if action == "list":
        return {"jobs": [about(job) for job in jobs]}
    if action == "prune":
        return {"removed": prune(folder, results, time.time() - float(argument) * DAY)}
    job = folder / argument
    if job not in jobs:
        return {"jobs": []}
    found = [about(job)]
    if action == "remove":
        remove(job, results)
    return {"jobs": found}


if __name__ == "__main__":
    places, words = sys.argv[1:3], [*sys.argv[3:], ""]
    sys.stdout.write(json.dumps(main(Path(places[0]), Path(places[1]), words[0], words[1])) + "\n")

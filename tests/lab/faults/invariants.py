"""The promise of docs/fault-model.md, checked on the server's own disk."""

from __future__ import annotations

import base64
import json
from typing import Any

import xxhash

from tests.lab.faults.running_job import RunningJob
from tests.lab.kit.job_run import Run
from tests.lab.kit.polling import wait_until

#: Runs on the server. Prints the content of the job directory, and the result's files.
_READ = """python3 - {job} {results} <<'END'
import base64, json, os, pathlib, sys
job, results = map(pathlib.Path, sys.argv[1:])
print(json.dumps({{
    "manifest": json.loads((job / "manifest.json").read_text()),
    "receipts": {{path.name: json.loads(path.read_text()) for path in job.glob("receipts/*.json")}},
    "data": {{path.name: base64.b64encode(path.read_bytes()).decode()
             for path in job.glob("attempts/*") if path.suffix != ".json"}},
    "done": (job / "done.json").exists(),
    "results": {{path.name: [path.stat().st_ino, path.stat().st_size, path.stat().st_mtime_ns]
                for path in results.iterdir() if not path.name.startswith(".status.json")}},
}}))
END"""


def read_job_files(job: RunningJob) -> dict[str, Any]:
    """Return a job's files on the server's disk."""
    files: dict[str, Any] = json.loads(job.lab.server.sh(_READ.format(job=job.directory, results=job.results)))
    return files


def check_done(job: RunningJob, run: Run, expected: dict[str, bytes]) -> dict[str, Any]:
    """Check that the job is done as without faults. Return the result's files, for a later comparison."""
    assert run.code == 0, run.output
    assert run.files == expected, "the result is not that of one machine"
    seen = read_job_files(job)
    _check_receipts(seen)
    chunks = [chunk["number"] for chunk in seen["manifest"]["chunks"]]
    assert [attempt["chunk"] for attempt in run.counted_attempts] == chunks
    commits = {receipt["attempt"] for receipt in seen["receipts"].values() if receipt["status"] == "done"}
    assert {attempt["attempt"] for attempt in run.counted_attempts} <= commits
    # Once the result is complete, the server keeps only the result.
    assert seen["done"]
    assert seen["data"] == {}
    named = {"result.csv", "job.json", "_SUCCESS"} | expected.keys()
    assert seen["results"].keys() == named
    _check_marker({name: times for name, (_, _, times) in seen["results"].items()})
    _check_marker({path.name: path.stat().st_mtime_ns for path in run.result.iterdir()})
    check_nothing_left(job)
    results: dict[str, Any] = seen["results"]
    return results


def check_failed(job: RunningJob, run: Run, *words: str) -> None:
    """Check that the job failed with one message that contains these words and no result, and kept finished work."""
    message = run.message
    for word in (*words, f"job_id={job.name}"):
        assert word in message, f"{message}\n{run.output}"
    assert "Traceback" not in run.output
    assert not (run.result / "_SUCCESS").exists()
    assert not (run.result / "result.csv").exists()
    seen = read_job_files(job)
    _check_receipts(seen, whole=False)
    assert "_SUCCESS" not in seen["results"]
    check_nothing_left(job)


def check_untouched(job: RunningJob, before: dict[str, Any]) -> None:
    """Check that nothing was written to the result since."""
    assert read_job_files(job)["results"] == before


def check_nothing_left(job: RunningJob) -> None:
    """Check that its stack, networks, configs and containers are removed. A container may need its grace period."""
    wait_until(
        f"nothing is left of {job.name}: {job.lab.leftovers(job.name)}", lambda: not job.lab.leftovers(job.name), 90
    )


def _check_receipts(seen: dict[str, Any], *, whole: bool = True) -> None:
    """Check for one receipt per chunk, or at most one; the files that receipts name match them if they exist."""
    chunks = {chunk["number"] for chunk in seen["manifest"]["chunks"]}
    done = [receipt for receipt in seen["receipts"].values() if receipt["status"] == "done"]
    numbers = [receipt["chunk"] for receipt in done]
    assert len(numbers) == len(set(numbers))
    assert set(numbers) == chunks if whole else set(numbers) <= chunks
    for name, receipt in seen["receipts"].items():
        assert name == f"{receipt['chunk']:06d}-{receipt['generation']:04d}.json"
    if seen["done"]:
        return
    for receipt in done:
        for file in receipt["files"].values():
            data = base64.b64decode(seen["data"][file["name"]])
            assert (len(data), xxhash.xxh3_128(data).hexdigest()) == (file["bytes"], file["checksum"]), file["name"]


def _check_marker(times: dict[str, int]) -> None:
    """Check that nothing but the report was written after the success marker."""
    written = {name: time for name, time in times.items() if name != "report.html"}
    assert max(written.values()) == written["_SUCCESS"], times

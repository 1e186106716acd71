"""The invariants of docs/fault-model.md, checked after every run of a schedule and at its end."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import xxhash
from csvswarm.job.lock import LOCK

from tests.faults.fault_injection import Killed, KilledLater
from tests.faults.job_scenarios import Prepared
from tests.faults.script_runs import FaultRun, JobDirectories

KILLED = -signal.SIGKILL
#: Signs of a bug, which no message may contain.
BUGS = ("Traceback", "Exception ignored", "please report this", "Error in sys.excepthook", "terminate called")
#: Signs of a broken injector.
INJECTORS = ("strace:", "libfiu", "fiu_", "prlimit:")
MESSAGE_LINES = 3
OUTPUT = {"result.csv", "job.json", "_SUCCESS"}


class Invariants:
    """The recorded state of one schedule's job, which must not change later."""

    def __init__(self, prepared: Prepared, directories: JobDirectories) -> None:
        self._prepared, self._directories = prepared, directories
        self._receipts: dict[str, dict[str, Any]] = {}
        self._seen: dict[str, tuple[int, int, int]] = {}

    @staticmethod
    def check_message(run: FaultRun) -> None:
        """Check that a run succeeds with a summary, fails with one message, or was killed by the schedule."""
        for word in (*BUGS, *INJECTORS):
            assert word not in run.error, f"{run.name}: {word!r} in its message"
        if run.code == 0:
            assert isinstance(json.loads(run.out), dict), f"{run.name}: no summary"
            return
        if run.code == KILLED:  # possibly after its summary
            ours = isinstance(run.fault, KilledLater) or (isinstance(run.fault, Killed) and run.fault.hit(run.injected))
            assert ours, f"{run.name}: killed, but not by the schedule"
            return
        assert run.code == 1, f"{run.name}: exit code {run.code}"
        assert not run.out, f"{run.name}: output of a failed run"
        lines = run.error.strip().splitlines()
        assert 0 < len(lines) <= MESSAGE_LINES, f"{run.name}: {len(lines)} lines in its message"

    def check_run(self, run: FaultRun, step: str) -> None:
        """Check the summary of a run against the files."""
        if run.code:
            return
        if step == "split":
            assert json.loads((self._directories.job / "manifest.json").read_bytes())["chunks"], (
                f"{run.name}: no manifest"
            )
        elif step == "process":
            numbers = {int(name[:6]) for name, message in self._receipts.items() if message["status"] == "done"}
            assert numbers == set(range(1, self._prepared.scenario.chunks + 1)), f"{run.name}: chunks are not done"
        else:
            self._check_result()

    def observe(self, run: FaultRun) -> None:
        """Check all receipts: complete, correct, and never replaced."""
        found = {}
        directory = self._directories.job / "receipts"
        for path in sorted(directory.iterdir()) if directory.exists() else []:
            entry = json.loads(path.read_bytes())  # a receipt is never partial
            assert path.name == f"{entry['chunk']:06d}-{entry['generation']:04d}.json", (
                f"{path.name} describes another chunk"
            )
            found[path.name] = entry
        for name, entry in found.items():
            before = self._receipts.get(name)
            if before and "done" in (before["status"], entry["status"]) and before["status"] == entry["status"]:
                assert before == entry, f"after {run.name}: receipt {name} was replaced"
        for name, before in self._receipts.items():
            if before["status"] == "done":
                assert name in found, f"after {run.name}: receipt {name} is missing"
        self._receipts = found
        self._check_whole(run)
        if not (self._directories.job / "done.json").exists():
            for name, entry in found.items():
                for file in entry["files"].values():
                    path, origin = (
                        self._directories.job / "attempts" / file["name"],
                        f"after {run.name}: receipt {name}",
                    )
                    if path.is_file() or not self._is_stored(entry, file):
                        self._check_file(path, file, origin)

    def _is_stored(self, receipt: dict[str, Any], file: dict[str, Any]) -> bool:
        """Whether a merged file contains the partial of a receipt, byte for byte, at the logged offset."""
        for log in self._directories.job.glob("merged*.log"):
            data = log.with_suffix(".csv")
            for line in log.read_bytes().split(b"\n")[:-1]:
                part = json.loads(line)
                if all(part.get(name) == receipt[name] for name in ("chunk", "generation", "attempt")):
                    found = data.read_bytes()[part["offset"] : part["offset"] + part["bytes"]]
                    return (len(found), xxhash.xxh3_128(found).hexdigest()) == (file["bytes"], file["checksum"])
        return False

    def check_end(self) -> None:
        """Check that the job is finished, uses no more space, and has not changed since the last check."""
        if self._prepared.scenario.fails:
            remaining = {path.name for path in self._directories.output.glob("*")}
            assert not remaining & {"result.csv", "rejected.csv", "_SUCCESS"}, f"a failed job left {remaining}"
            return
        self._check_result()
        expected = OUTPUT | ({"rejected.csv"} if self._prepared.rejected else set())
        remaining = {path.name for path in self._directories.output.iterdir()}
        assert remaining == expected, f"the output contains {sorted(remaining)}"
        for path in self._directories.output.iterdir():
            seen = path.stat()
            now = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
            assert self._seen.setdefault(path.name, now) == now, f"{path.name} was changed after the end"

    def check_now(self) -> None:
        """Check that files with final names are complete, even while others work on the job."""
        output = self._directories.output
        names = ["result.csv", "job.json"] if (output / "_SUCCESS").exists() else []
        for name, expected in (("result.csv", self._prepared.result), ("rejected.csv", self._prepared.rejected)):
            try:
                found = (output / name).read_bytes()
            except FileNotFoundError:
                assert name not in names, f"a success marker, but no {name}"
                continue
            assert found == expected, f"{name} is incomplete while others work"

    def _check_whole(self, run: FaultRun) -> None:
        """Check that files with final names are complete at any time, and that the marker comes last."""
        there = {path.name: path for path in self._directories.output.glob("*")}
        for name, expected in (("result.csv", self._prepared.result), ("rejected.csv", self._prepared.rejected)):
            if name in there:
                assert there[name].read_bytes() == expected, f"after {run.name}: {name} is incomplete"
        if "_SUCCESS" in there:
            assert {"result.csv", "job.json"} <= set(there), f"after {run.name}: a success marker, but no result"

    def _check_result(self) -> None:
        """Check that the result equals that of a run without faults, and that nothing was written after the marker."""
        assert not self._prepared.scenario.fails, "a result of a job that must fail"
        output = self._directories.output
        marker = json.loads((output / "_SUCCESS").read_bytes())
        report = json.loads((output / "job.json").read_bytes())
        for name, expected in (("result.csv", self._prepared.result), ("rejected.csv", self._prepared.rejected)):
            path = output / name
            data = path.read_bytes() if path.exists() else None
            assert data == expected, f"{name} differs from that of a run without faults"
        files = {file["name"]: file for file in marker["files"]}
        assert set(files) | {"_SUCCESS"} == {path.name for path in output.iterdir() if path.name != LOCK}
        for name, file in files.items():
            self._check_file(output / name, file, "_SUCCESS")
        assert (report["result"], report["rejected_file"]) == (files["result.csv"], files.get("rejected.csv"))
        assert report["status"] == "done"
        counting = [attempt for attempt in report["attempts"] if attempt["counts"]]
        assert [attempt["chunk"] for attempt in counting] == list(range(1, self._prepared.scenario.chunks + 1))
        for attempt in counting:
            names = [name for name, receipt in self._receipts.items() if receipt["attempt"] == attempt["attempt"]]
            assert names, f"job.json names the attempt {attempt['attempt']}, which no receipt names"
        finished = (output / "_SUCCESS").stat().st_mtime_ns
        for path in (output / name for name in files):
            assert path.stat().st_mtime_ns <= finished, f"{path.name} was written after the success marker"

    @staticmethod
    def _check_file(path: Path, entry: dict[str, Any], origin: str) -> None:
        assert path.is_file(), f"{origin}: {path.name} is missing"
        data = path.read_bytes()
        assert len(data) == entry["bytes"], f"{origin}: {path.name} has another size"
        assert xxhash.xxh3_128(data).hexdigest() == entry["checksum"], f"{origin}: {path.name} has another checksum"

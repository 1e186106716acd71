"""Choose the fault of a run from the schedule's random numbers."""

from __future__ import annotations

import random

from csvswarm.job.lock import LOCK

from tests.faults.fault_injection import ERRORS, Failing, Fault, Flaky, Killed, KilledLater, Limited, Short, Stopped
from tests.faults.job_scenarios import Prepared
from tests.faults.script_runs import JobDirectories

#: System calls that a step makes only on the job's files, and their approximate number per process.
CALLS_OF = {
    "split": {"mkdir": 3, "fsync": 9, "rename": 2, "write": 9},
    "process": {"fsync": 7, "link": 3, "rename": 1, "write": 14},
    "attempt": {"fsync": 3, "link": 1, "write": 6},
    "collect": {"fsync": 8, "rename": 4, "unlink": 8, "write": 10, "mkdir": 1},
}


class FaultChoice:
    """Chooses faults for one schedule."""

    def __init__(self, numbers: random.Random, prepared: Prepared, directories: JobDirectories) -> None:
        self._random, self._prepared, self._directories = numbers, prepared, directories

    def any_fault(self, step: str) -> Fault:
        """Return a fault for the run of a step with any number of processes."""
        number = self._random.random()
        if number < 0.12:
            return Short(self._random.choice((0.05, 0.3, 0.8)), self._random.randrange(1 << 30))
        if number < 0.22:
            error = self._random.choice(("EIO", "ENOSPC"))
            return Flaky(self._random.choice((0.02, 0.1, 0.3)), self._random.randrange(1 << 30), error)
        if number < 0.30:
            return Limited(self._random.choice((0, 1 << 10, 8 << 10, 32 << 10, 100 << 10)))
        if number < 0.42:
            sign = {
                "split": self._directories.job,
                "process": self._directories.job / "attempts",
                "collect": self._directories.output / "job.json",
            }[step]
            return KilledLater(sign, self._random.uniform(0, 0.3))
        return self._at_call(step, self._known_paths(step))

    def for_whole_run(self) -> dict[str, Fault]:
        """Return the faults of one of several concurrent whole runs, by step: at most one."""
        step = self._random.choice(("split", "process", "process", "collect", "collect"))
        number = self._random.random()
        if number < 0.35:
            return {}
        if number < 0.75:
            # Timed from the start of the step: files of another run do not show the progress of this one.
            return {step: KilledLater(self._directories.root, self._random.uniform(0, 1.5))}
        return {step: self._at_call(step, self._known_paths(step))}

    def pause(self) -> float:
        """Return the number of seconds between the start of the first run and that of another."""
        return self._random.choice((0.0, 0.0, self._random.uniform(0, 0.5), self._random.uniform(0, 2.5)))

    def for_attempt(self, chunk: int, attempt: str) -> Fault:
        """Return a fault for one attempt of a container at one chunk."""
        own = [
            str(self._directories.job / "attempts" / f"{chunk:06d}-{attempt}.{name}")
            for name in ("partial.csv", "partial.arrow", "partial.small", "rejected.csv", "1.json", "2.json")
        ]
        number = self._random.random()
        fault: Fault
        if number < 0.2:
            fault = Fault()
        elif number < 0.35:
            fault = Short(self._random.choice((0.05, 0.3)), self._random.randrange(1 << 30))
        elif number < 0.6:
            fault = self._at_call("attempt", own)
        else:
            call, highest = self._random.choice((("link", 1), ("fsync", 2), ("write", 4), ("open", 2), ("read", 3)))
            known = () if call in ("link", "fsync") else (*own, *self._known_paths("process"))
            fault = Stopped(call, self._random.randint(1, highest), known)
        return fault

    def _at_call(self, step: str, known: list[str]) -> Fault:
        """Return a fault at a system call: on any file if only job files get such calls, else on known files."""
        error = self._random.choice(list(ERRORS))
        lasting = self._random.random() < 0.4
        if self._random.random() < 0.5:
            call, highest = self._random.choice(list(CALLS_OF[step].items()))
            number = self._random.randint(1, highest)
            if call == "write" or self._random.random() < 0.5:
                return Killed(call, number)  # the write of a message must not fail, or the error would be lost
            return Failing(call, number, (), error, lasting)
        call = self._random.choice(("open", "open", "open", "read", "read", "write", "stat", "close", "fsync"))
        number = self._random.choice((1, 1, 1, 2, 2, 3, 4))
        if self._random.random() < 0.4 or call == "close":
            return Killed(call, number, tuple(known))
        return Failing(call, number, tuple(known), "EIO" if call in ("read", "stat") else error, lasting)

    def _known_paths(self, step: str) -> list[str]:
        """Return the files with predictable names."""
        chunks = range(1, self._prepared.scenario.chunks + 1)
        job, output = self._directories.job, self._directories.output
        of_step = {
            "split": [
                self._prepared.source,
                *(job / "chunks" / name for name in ("000000-header.csv", *(f"{chunk:06d}.csv" for chunk in chunks))),
                job / "processor.py",
                job / "manifest.json",
            ],
            "process": [
                self._prepared.source,
                *(job / "chunks" / f"{chunk:06d}.csv" for chunk in chunks),
                *(job / "receipts" / f"{chunk:06d}-{generation:04d}.json" for chunk in chunks for generation in (1, 2)),
                *(job / name for name in ("manifest.json", "schema-0001.json", "processor.py", LOCK)),
                *(job / name for name in ("merged.csv", "merged.log", "merged-secondary.csv", "merged-secondary.log")),
            ],
            "collect": [
                *(job / name for name in ("manifest.json", "schema-0001.json", "merged.csv", "merged.log")),
                *(job / "receipts" / f"{chunk:06d}-{generation:04d}.json" for chunk in chunks for generation in (1, 2)),
                *(job / "attempts").glob("*.partial.*"),
                *(job / "attempts").glob("*.rejected.*"),
                *(output / name for name in ("result.csv", "rejected.csv", "job.json", "_SUCCESS", LOCK)),
            ],
        }
        paths = [str(path) for path in of_step[step]]
        count = self._random.choice((1, 3, len(paths)))
        return self._random.sample(paths, min(count, len(paths)))

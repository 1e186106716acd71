"""A random schedule of faults over one job, determined by its seed, and the invariants checked after each run."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csvswarm.job.directory import JobDirectory

from tests.faults.fault_choice import FaultChoice
from tests.faults.fault_injection import Fault, KilledLater, Stopped, small_disk
from tests.faults.invariants import Invariants
from tests.faults.job_scenarios import Prepared
from tests.faults.script_runs import STEPS, FaultRun, FaultRuns, JobDirectories
from tests.faults.whole_run import WholeRun
from tests.support.jobs import unmerge_partials

#: The step that the faults hit, and its weight. "full", "attempts" and "runs" have methods of their own.
ATTACKS = {"split": 15, "process": 30, "attempts": 30, "collect": 15, "full": 10, "runs": 20}
STOPPED = re.compile(r"^(\d+) .*stopped by SIGSTOP", re.MULTILINE)


@dataclass
class Schedule:
    """A schedule. seed: determines all of it. disk: whether a small disk can be mounted.

    attack: one of ATTACKS; chosen by the seed if empty.
    """

    seed: int
    prepared: Prepared
    directory: Path
    disk: bool
    attack: str = ""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._directories = JobDirectories(self.directory / "place")
        self._choice = FaultChoice(self._random, self.prepared, self._directories)
        self._promise = Invariants(self.prepared, self._directories)
        self._runs = FaultRuns(self.prepared, self.directory, self._directories)
        self._late: list[FaultRun] = []
        self._released: list[FaultRun] = []

    def perform(self) -> None:
        """Run the job under faults, then without, and check the invariants after each run. Raises AssertionError."""
        try:
            drawn = self._random.choices(list(ATTACKS), list(ATTACKS.values()))[0]
            self.attack = self.attack or drawn
            if self.attack == "full" and not self.disk:
                self.attack = "process"
            with self._on_a_disk() if self.attack == "full" else nullcontext():
                self._directories.root.mkdir(exist_ok=True)
                getattr(self, f"_attack_{self.attack}")()
                self._check_all()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self}") from error
        finally:
            self._runs.end()

    def __str__(self) -> str:
        location = f"schedule {self.seed} ({self.prepared.scenario.name}: {self.attack}) in {self.directory}"
        return "\n".join(
            [f"{location}; to repeat it: make chaos SEED={self.seed} ATTACK={self.attack}", *map(str, self._runs.all)]
        )

    def ends(self) -> list[dict[str, Any]]:
        """Return the outcome of every run, for a summary."""
        return [
            {
                "fault": type(run.fault).__name__,
                "what": getattr(run.fault, "error", ""),
                "call": getattr(run.fault, "call", ""),
                "script": run.script,
                "hit": run.fault.hit(run.injected),
                "code": run.code,
                "message": run.error.strip() if run.code else "",
            }
            for run in self._runs.all
        ]

    def _check_all(self) -> None:
        self._recover()
        self._promise.check_end()
        self._release("after")
        self._wait_for_late()
        self._promise.check_end()
        if self._random.random() < 0.1:
            self._recover()  # a rerun does nothing and changes nothing
            self._promise.check_end()

    # -- what is attacked ------------------------------------------------------------------------------------------

    def _attack_split(self) -> None:
        for _ in range(self._random.choice((1, 1, 2))):
            self._run("split", self._choice.any_fault("split"))
        if self._random.random() < 0.3:
            self._run("process", self._choice.any_fault("process"))

    def _attack_process(self) -> None:
        self._start_after("split")
        for _ in range(self._random.choice((1, 2, 2))):
            self._run("process", self._choice.any_fault("process"))
        if self._random.random() < 0.3:
            self._run("collect", self._choice.any_fault("collect"))

    def _attack_collect(self) -> None:
        self._start_after("process")
        if self._random.random() < 0.5:
            unmerge_partials(JobDirectory(self._directories.job))
        for _ in range(self._random.choice((1, 2, 2))):
            self._run("collect", self._choice.any_fault("collect"))

    def _attack_attempts(self) -> None:
        """Run attempts at chunks like containers, several at one chunk concurrently, some of them paused."""
        self._start_after("split")
        scenario = self.prepared.scenario
        for number in range(self._random.choice((1, 1, 2))):
            chunk = self._random.randint(1, scenario.chunks)
            started = []
            for name in "abc"[: self._random.choice((2, 2, 3))]:
                attempt = f"{name}{number}"
                started.append(self._start_attempt(chunk, attempt))
            for run in started:
                self._wait(run, stopped=isinstance(run.fault, Stopped))
        self._release("before")

    def _attack_runs(self) -> None:
        """Run the job two or three times concurrently; some runs are killed or fail."""
        if self._random.random() < 0.5:
            self._start_after(self._random.choice(("split", "process")))
        runs = [
            WholeRun(self._runs, self._choice.for_whole_run(), self._choice.pause())
            for _ in range(self._random.choice((2, 2, 3)))
        ]
        for run in runs:
            run.start()
        while any(run.is_alive() for run in runs):
            self._promise.check_now()
            runs[0].join(0.01) if runs[0].is_alive() else runs[-1].join(0.01)
        ended = [made for run in runs for made in run.ended()]
        for made in ended:
            self._promise.check_message(made)
        if ended:
            self._promise.observe(ended[-1])
        for made in ended:
            if made.script == STEPS["collect"] and made.code == 0:
                self._promise.check_run(made, "collect")

    def _attack_full(self) -> None:
        """Run everything on a disk that is too small at first and then grows."""
        for step in STEPS:
            self._run(step, Fault())
        subprocess.run(["mount", "-o", "remount,size=64m", self._directories.root], check=True)

    @contextmanager
    def _on_a_disk(self) -> Iterator[None]:
        """Move the job, possibly after some step, to a disk with little free space."""
        step = self._random.choice(("", "split", "process"))
        used = sum(path.stat().st_size + 8192 for path in self.prepared.job_after(step).rglob("*")) if step else 8192
        room = self._random.randrange(self._random.choice((20_000, 60_000, 120_000, 250_000, 500_000)))
        with small_disk(self._directories.root, used + room):
            if step:
                self._start_after(step)
            yield

    def _start_after(self, step: str) -> None:
        shutil.copytree(self.prepared.job_after(step), self._directories.job)

    def _start_attempt(self, chunk: int, attempt: str) -> FaultRun:
        fault = self._choice.for_attempt(chunk, attempt)
        return self._runs.start("process", fault, "--chunk", str(chunk), "--attempt", attempt)

    # -- runs ------------------------------------------------------------------------------------------------------

    def _run(self, step: str, fault: Fault) -> FaultRun:
        run = self._runs.start(step, fault)
        if isinstance(fault, KilledLater):
            self._runs.kill_later(run, fault)
        self._wait(run)
        self._promise.check_run(run, step)
        return run

    def _wait(self, run: FaultRun, *, stopped: bool = False) -> None:
        """Wait until a run ends or pauses as planned; a paused one is resumed later."""
        if stopped and self._runs.is_blocked(run):
            self._late.append(run)
            return
        self._runs.finish(run)
        self._promise.check_message(run)
        self._promise.observe(run)

    def _release(self, moment: str) -> None:
        """Resume some of the paused attempts; at the end, all of them."""
        for run in list(self._late):
            if moment != "after" and self._random.random() < 0.6:
                continue
            for process in {int(number) for number in STOPPED.findall(run.injected)}:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)
            self._late.remove(run)
            self._released.append(run)

    def _wait_for_late(self) -> None:
        while self._released:
            self._wait(self._released.pop())

    def _recover(self) -> None:
        """Rerun the same commands without faults: the job is finished, or fails with the reason."""
        scenario = self.prepared.scenario
        for step in STEPS:
            if step == "split" and self._random.random() < 0.7 and (self._directories.job / "manifest.json").exists():
                continue  # it would only report that the split exists
            if step != "split":
                self._release(step)  # a late attempt may resume during the step
            run = self._run(step, Fault())
            if scenario.fails and step != "split":
                assert run.code == 1, f"{run.name}: a job that must fail succeeded"
                if step == "process":
                    assert run.error.strip() == self.prepared.message, (
                        f"{run.name}: another message than without faults"
                    )
            else:
                assert run.code == 0, f"{run.name}: failed without a fault"


@contextmanager
def removed_if_good(directory: Path) -> Iterator[None]:
    """Remove the files of a schedule, unless it failed."""
    yield
    shutil.rmtree(directory)

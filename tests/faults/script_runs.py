"""Run the three scripts under faults: start, wait, kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.faults.fault_injection import Fault, KilledLater
from tests.faults.job_scenarios import Prepared
from tests.support.jobs import ROOT

LIMIT = 120  # seconds after which a run counts as hanging
SPLIT, PROCESS, COLLECT = "split_dataframe.py", "split_processing.py", "collect_results.py"
STEPS = {"split": SPLIT, "process": PROCESS, "collect": COLLECT}


@dataclass(frozen=True)
class JobDirectories:
    """The paths of a schedule's job and result: in one directory, which may be a small disk."""

    root: Path

    @property
    def job(self) -> Path:
        return self.root / "job"

    @property
    def output(self) -> Path:
        return self.root / "out"


@dataclass
class FaultRun:
    """One run of a script, possibly under a fault."""

    name: str
    script: str
    arguments: list[str]
    fault: Fault
    log: Path
    process: subprocess.Popen[str] | None = None
    code: int | None = None
    out: str = ""
    error: str = ""

    @property
    def injected(self) -> str:
        """Return the log of the injector."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def __str__(self) -> str:
        text = f"{self.name}: {self.script} {' '.join(self.arguments)}\n    {self.fault}\n    code {self.code}"
        return text + "".join(f"\n    {line}" for line in (self.error or self.out).strip().splitlines()[:20])


class FaultRuns:
    """All runs of one schedule, in order."""

    def __init__(self, prepared: Prepared, directory: Path, directories: JobDirectories) -> None:
        self._prepared, self._directory, self._directories = prepared, directory, directories
        self.all: list[FaultRun] = []
        self._numbers = count(1)

    def start(self, step: str, fault: Fault, *more: str) -> FaultRun:
        name = f"run-{next(self._numbers)}"
        run = FaultRun(name, STEPS[step], [*self._arguments(step), *more], fault, self._directory / f"{name}.log")
        self.all.append(run)
        usual = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        run.process = subprocess.Popen(
            [*fault.before(run.log), sys.executable, str(ROOT / "scripts" / run.script), *run.arguments],
            cwd=self._directory,
            env={**usual, "PYTHONDONTWRITEBYTECODE": "1", **fault.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        return run

    def _arguments(self, step: str) -> list[str]:
        of_step = {
            "split": [*self._prepared.arguments(), "--output", str(self._directories.output)],
            "process": ["--workers", "2"],
            "collect": ["--output", str(self._directories.output)],
        }
        return ["--job", str(self._directories.job), "--json", *of_step[step]]

    @staticmethod
    def kill_later(run: FaultRun, fault: KilledLater) -> None:
        assert run.process
        while run.process.poll() is None and not fault.sign.exists():
            time.sleep(0.002)
        with suppress(subprocess.TimeoutExpired):
            run.process.wait(fault.seconds)
        kill(run.process)

    @staticmethod
    def is_blocked(run: FaultRun) -> bool:
        assert run.process
        deadline = time.monotonic() + LIMIT
        while run.process.poll() is None:
            if run.fault.hit(run.injected):
                return True
            assert time.monotonic() < deadline, f"{run.name} hangs"
            time.sleep(0.005)
        return False

    @staticmethod
    def finish(run: FaultRun) -> None:
        """Wait until a run ends. Raises AssertionError on a timeout."""
        assert run.process
        try:
            run.out, run.error = run.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            kill(run.process)
            run.out, run.error = run.process.communicate()
            raise AssertionError(f"{run.name} hangs") from None
        run.code = run.process.returncode

    def end(self) -> None:
        """Kill all running runs."""
        for run in self.all:
            if run.process and run.process.poll() is None:
                kill(run.process)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a run with all its processes."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

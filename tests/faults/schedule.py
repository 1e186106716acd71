"""One random schedule of faults over one job, made of its seed alone, and the promise that is checked after it."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xxhash

from tests.faults.injection import (
    ERRORS,
    Failing,
    Fault,
    Flaky,
    Killed,
    KilledLater,
    Limited,
    Short,
    Stopped,
    small_disk,
)
from tests.faults.scenarios import Prepared
from tests.helpers import ROOT

LIMIT = 120  # seconds after which a run hangs
SPLIT, PROCESS, COLLECT = "split_dataframe.py", "split_processing.py", "collect_results.py"
STEPS = {"split": SPLIT, "process": PROCESS, "collect": COLLECT}
#: Where the faults fall, and how often. "full" and "attempts" are run in their own way.
ATTACKS = {"split": 15, "process": 30, "attempts": 30, "collect": 15, "full": 10}
#: The calls a step makes on files of the job alone, and about how many in one process.
CALLS_OF = {
    "split": {"mkdir": 3, "fsync": 9, "rename": 2, "write": 9},
    "process": {"fsync": 7, "link": 3, "rename": 1, "write": 14},
    "attempt": {"fsync": 3, "link": 1, "write": 6},
    "collect": {"fsync": 8, "rename": 4, "unlink": 8, "write": 10, "mkdir": 1},
}
STOPPED = re.compile(r"^(\d+) .*stopped by SIGSTOP", re.MULTILINE)
KILLED = -signal.SIGKILL
#: What no message may hold: that of a bug.
BUGS = ("Traceback", "Exception ignored", "please report this", "Error in sys.excepthook", "terminate called")
#: Nor that of an injector that does not work.
INJECTORS = ("strace:", "libfiu", "fiu_", "prlimit:")
MESSAGE_LINES = 3
OUTPUT = {"result.csv", "job.json", "_SUCCESS"}


@dataclass
class Run:
    """One run of a script, under a fault or not."""

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
        """What the injector wrote."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def __str__(self) -> str:
        told = f"{self.name}: {self.script} {' '.join(self.arguments)}\n    {self.fault}\n    code {self.code}"
        return told + "".join(f"\n    {line}" for line in (self.error or self.out).strip().splitlines()[:20])


@dataclass
class Schedule:
    """A schedule: `perform` it. seed: all of it follows from it. disk: whether a small disk can be mounted."""

    seed: int
    prepared: Prepared
    directory: Path
    disk: bool
    runs: list[Run] = field(default_factory=list)
    attack: str = ""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  # faults are no secret
        self._place = self.directory / "place"
        self._job, self._output = self._place / "job", self._place / "out"
        self._receipts: dict[str, dict[str, Any]] = {}
        self._late: list[Run] = []
        self._released: list[Run] = []
        self._seen: dict[str, tuple[int, int, int]] = {}

    def perform(self) -> None:
        """Run the job under faults, then without, and check the promise all the way. Raises AssertionError."""
        try:
            self.attack = self._random.choices(list(ATTACKS), list(ATTACKS.values()))[0]
            if self.attack == "full" and not self.disk:
                self.attack = "process"
            with self._on_a_disk() if self.attack == "full" else nullcontext():
                self._place.mkdir(exist_ok=True)
                getattr(self, f"_attack_{self.attack}")()
                self._check_all()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self}") from error
        finally:
            for run in self.runs:
                if run.process and run.process.poll() is None:
                    _kill(run.process)

    def __str__(self) -> str:
        where = f"schedule {self.seed} ({self.prepared.scenario.name}: {self.attack}) in {self.directory}"
        return "\n".join([f"{where}; once more: make chaos SEED={self.seed}", *map(str, self.runs)])

    def ends(self) -> list[dict[str, Any]]:
        """Return how every run ended, for a summary."""
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
            for run in self.runs
        ]

    def _check_all(self) -> None:
        self._mend()
        self._check_end()
        self._release("after")
        self._wait_for_late()
        self._check_end()
        if self._random.random() < 0.1:
            self._mend()  # once more: there is nothing to do, and nothing changes
            self._check_end()

    # -- what is attacked ------------------------------------------------------------------------------------------

    def _attack_split(self) -> None:
        for _ in range(self._random.choice((1, 1, 2))):
            self._run("split", self._any_fault("split"))
        if self._random.random() < 0.3:
            self._run("process", self._any_fault("process"))

    def _attack_process(self) -> None:
        self._start_after("split")
        for _ in range(self._random.choice((1, 2, 2))):
            self._run("process", self._any_fault("process"))
        if self._random.random() < 0.3:
            self._run("collect", self._any_fault("collect"))

    def _attack_collect(self) -> None:
        self._start_after("process")
        if self._random.random() < 0.5:
            for path in self._job.glob("merged.*"):
                path.unlink()
        for _ in range(self._random.choice((1, 2, 2))):
            self._run("collect", self._any_fault("collect"))

    def _attack_attempts(self) -> None:
        """Attempts at chunks as containers make them, several at one chunk at once, some of which stand still."""
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

    def _attack_full(self) -> None:
        """Everything on a disk that is too small at first, and then is not any more."""
        for step in STEPS:
            self._run(step, Fault())
        subprocess.run(["mount", "-o", "remount,size=64m", self._place], check=True)

    @contextmanager
    def _on_a_disk(self) -> Iterator[None]:
        """Put the job, which may have come to some step, on a disk with little room left."""
        step = self._random.choice(("", "split", "process"))
        used = sum(path.stat().st_size + 8192 for path in self.prepared.job_after(step).rglob("*")) if step else 8192
        room = self._random.randrange(self._random.choice((20_000, 60_000, 120_000, 250_000, 500_000)))
        with small_disk(self._place, used + room):
            if step:
                self._start_after(step)
            yield

    def _start_after(self, step: str) -> None:
        shutil.copytree(self.prepared.job_after(step), self._job)

    # -- faults ----------------------------------------------------------------------------------------------------

    def _any_fault(self, step: str) -> Fault:
        """Return a fault for the run of a step that takes any number of processes."""
        number = self._random.random()
        if number < 0.12:
            return Short(self._random.choice((0.05, 0.3, 0.8)), self._random.randrange(1 << 30))
        if number < 0.22:
            error = self._random.choice(("EIO", "ENOSPC"))
            return Flaky(self._random.choice((0.02, 0.1, 0.3)), self._random.randrange(1 << 30), error)
        if number < 0.30:
            return Limited(self._random.choice((0, 1 << 10, 8 << 10, 32 << 10, 100 << 10)))
        if number < 0.42:
            sign = {"split": self._job, "process": self._job / "attempts", "collect": self._output / "job.json"}[step]
            return KilledLater(sign, self._random.uniform(0, 0.3))
        return self._at_call(step, self._known_paths(step))

    def _at_call(self, step: str, known: list[str]) -> Fault:
        """Return a fault at a system call: on any file where all such calls are the job's, else on the known ones."""
        error = self._random.choice(list(ERRORS))
        lasting = self._random.random() < 0.4
        if self._random.random() < 0.5:
            call, most = self._random.choice(list(CALLS_OF[step].items()))
            number = self._random.randint(1, most)
            if call == "write" or self._random.random() < 0.5:
                return Killed(call, number)  # a write of a message must not fail: nobody could tell of it
            return Failing(call, number, (), error, lasting)
        call = self._random.choice(("open", "open", "open", "read", "read", "write", "stat", "close", "fsync"))
        number = self._random.choice((1, 1, 1, 2, 2, 3, 4))
        if self._random.random() < 0.4 or call == "close":
            return Killed(call, number, tuple(known))
        return Failing(call, number, tuple(known), "EIO" if call in ("read", "stat") else error, lasting)

    def _known_paths(self, step: str) -> list[str]:
        """Return the files whose names are known before a step."""
        chunks = range(1, self.prepared.scenario.chunks + 1)
        job, output = self._job, self._output
        of_step = {
            "split": [
                self.prepared.source,
                *(job / "chunks" / name for name in ("000000-header.csv", *(f"{chunk:06d}.csv" for chunk in chunks))),
                job / "processor.py",
                job / "manifest.json",
            ],
            "process": [
                self.prepared.source,
                *(job / "chunks" / f"{chunk:06d}.csv" for chunk in chunks),
                *(job / "receipts" / f"{chunk:06d}-{place:04d}.json" for chunk in chunks for place in (1, 2)),
                *(job / name for name in ("manifest.json", "schema-0001.json", "processor.py", "merged.csv")),
            ],
            "collect": [
                *(job / name for name in ("manifest.json", "schema-0001.json", "merged.csv", "merged.json")),
                *(job / "receipts" / f"{chunk:06d}-{place:04d}.json" for chunk in chunks for place in (1, 2)),
                *(job / "attempts").glob("*.partial.*"),
                *(job / "attempts").glob("*.rejected.*"),
                *(output / f".{name}.job" for name in ("result.csv", "rejected.csv")),
                *(output / name for name in ("result.csv", "rejected.csv", "job.json", "_SUCCESS")),
            ],
        }
        paths = [str(path) for path in of_step[step]]
        count = self._random.choice((1, 3, len(paths)))
        return self._random.sample(paths, min(count, len(paths)))

    def _start_attempt(self, chunk: int, attempt: str) -> Run:
        own = [
            str(self._job / "attempts" / f"{chunk:06d}-{attempt}.{name}")
            for name in ("partial.csv", "partial.arrow", "rejected.csv", "1.json", "2.json")
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
            call, most = self._random.choice((("link", 1), ("fsync", 2), ("write", 4), ("open", 2), ("read", 3)))
            known = () if call in ("link", "fsync") else (*own, *self._known_paths("process"))
            fault = Stopped(call, self._random.randint(1, most), known)
        return self._start("process", fault, "--chunk", str(chunk), "--attempt", attempt)

    # -- runs ------------------------------------------------------------------------------------------------------

    def _arguments(self, step: str) -> list[str]:
        of_step = {
            "split": [*self.prepared.arguments(), "--output", str(self._output)],
            "process": ["--workers", "2"],
            "collect": ["--output", str(self._output)],
        }
        return ["--job", str(self._job), "--json", *of_step[step]]

    def _start(self, step: str, fault: Fault, *more: str) -> Run:
        name = f"run-{len(self.runs) + 1}"
        run = Run(name, STEPS[step], [*self._arguments(step), *more], fault, self.directory / f"{name}.log")
        self.runs.append(run)
        usual = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        run.process = subprocess.Popen(
            [*fault.before(run.log), sys.executable, str(ROOT / "scripts" / run.script), *run.arguments],
            cwd=self.directory,
            env={**usual, "PYTHONDONTWRITEBYTECODE": "1", **fault.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        return run

    def _run(self, step: str, fault: Fault) -> Run:
        run = self._start(step, fault)
        if isinstance(fault, KilledLater):
            self._kill_later(run, fault)
        self._wait(run)
        self._check_run(run, step)
        return run

    def _kill_later(self, run: Run, fault: KilledLater) -> None:
        assert run.process
        while run.process.poll() is None and not fault.sign.exists():
            time.sleep(0.002)
        with suppress(subprocess.TimeoutExpired):
            run.process.wait(fault.seconds)
        _kill(run.process)

    def _wait(self, run: Run, *, stopped: bool = False) -> None:
        """Wait until a run has ended, or stands still where it shall; that one is released later."""
        assert run.process
        if stopped and self._stands_still(run):
            self._late.append(run)
            return
        try:
            run.out, run.error = run.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            _kill(run.process)
            run.out, run.error = run.process.communicate()
            raise AssertionError(f"{run.name} hangs") from None
        run.code = run.process.returncode
        self._check_told(run)
        self._observe(run)

    @staticmethod
    def _stands_still(run: Run) -> bool:
        assert run.process
        deadline = time.monotonic() + LIMIT
        while run.process.poll() is None:
            if run.fault.hit(run.injected):
                return True
            assert time.monotonic() < deadline, f"{run.name} hangs"
            time.sleep(0.005)
        return False

    def _release(self, moment: str) -> None:
        """Let some of the attempts that stand still go on, all of them at the last moment."""
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

    def _mend(self) -> None:
        """Run the same commands again, now that nothing fails: the job is finished, or told why it cannot be."""
        scenario = self.prepared.scenario
        for step in STEPS:
            if step == "split" and self.attack not in ("split", "full") and self._random.random() < 0.7:
                continue  # it would only say that the split is there
            if step != "split":
                self._release(step)  # a late attempt may go on in the middle of it
            run = self._run(step, Fault())
            if scenario.fails and step != "split":
                assert run.code == 1, f"{run.name}: a job that must fail did not"
                if step == "process":
                    assert run.error.strip() == self.prepared.message, (
                        f"{run.name}: another message than without faults"
                    )
            else:
                assert run.code == 0, f"{run.name}: failed without a fault"

    # -- the promise -----------------------------------------------------------------------------------------------

    @staticmethod
    def _check_told(run: Run) -> None:
        """A run ends well and says what it did, or fails with one message, or was killed by us."""
        for word in (*BUGS, *INJECTORS):
            assert word not in run.error, f"{run.name}: {word!r} in its message"
        if run.code == 0:
            assert isinstance(json.loads(run.out), dict), f"{run.name}: no answer"
            return
        if run.code == KILLED:  # maybe after its answer
            ours = isinstance(run.fault, KilledLater) or (isinstance(run.fault, Killed) and run.fault.hit(run.injected))
            assert ours, f"{run.name}: killed by somebody else"
            return
        assert run.code == 1, f"{run.name}: exit code {run.code}"
        assert not run.out, f"{run.name}: an answer of a run that failed"
        lines = run.error.strip().splitlines()
        assert 0 < len(lines) <= MESSAGE_LINES, f"{run.name}: {len(lines)} lines of message"

    def _check_run(self, run: Run, step: str) -> None:
        """What a run says it did is done."""
        if run.code:
            return
        if step == "split":
            assert json.loads((self._job / "manifest.json").read_bytes())["chunks"], f"{run.name}: no manifest"
        elif step == "process":
            numbers = {int(name[:6]) for name, told in self._receipts.items() if told["status"] == "done"}
            assert numbers == set(range(1, self.prepared.scenario.chunks + 1)), f"{run.name}: chunks are not done"
        else:
            self._check_result()

    def _observe(self, run: Run) -> None:
        """Look at all receipts: whole, true, and never another one where one was."""
        found = {}
        directory = self._job / "receipts"
        for path in sorted(directory.iterdir()) if directory.exists() else []:
            told = json.loads(path.read_bytes())  # a receipt is never there in part
            assert path.name == f"{told['chunk']:06d}-{told['generation']:04d}.json", f"{path.name} speaks of another"
            found[path.name] = told
        for name, told in found.items():
            before = self._receipts.get(name)
            if before and "done" in (before["status"], told["status"]) and before["status"] == told["status"]:
                assert before == told, f"after {run.name}: receipt {name} was replaced"
        for name, before in self._receipts.items():
            if before["status"] == "done":
                assert name in found, f"after {run.name}: receipt {name} is gone"
        self._receipts = found
        self._check_whole(run)
        if not (self._job / "done.json").exists():
            for name, told in found.items():
                for file in told["files"].values():
                    self._check_file(self._job / "attempts" / file["name"], file, f"after {run.name}: receipt {name}")

    def _check_whole(self, run: Run) -> None:
        """What has its final name is complete, at any time; the marker is the last of all."""
        there = {path.name: path for path in self._output.glob("*")}
        for name, expected in (("result.csv", self.prepared.result), ("rejected.csv", self.prepared.rejected)):
            if name in there:
                assert there[name].read_bytes() == expected, f"after {run.name}: {name} is there in part"
        if "_SUCCESS" in there:
            assert {"result.csv", "job.json"} <= set(there), f"after {run.name}: a success marker, but no result"

    @staticmethod
    def _check_file(path: Path, named: dict[str, Any], where: str) -> None:
        assert path.is_file(), f"{where}: {path.name} is gone"
        data = path.read_bytes()
        assert len(data) == named["bytes"], f"{where}: {path.name} has another size"
        assert xxhash.xxh3_128(data).hexdigest() == named["checksum"], f"{where}: {path.name} has another checksum"

    def _check_result(self) -> None:
        """The result is that of a run without faults, byte for byte, and nothing was written after the marker."""
        assert not self.prepared.scenario.fails, "a result of a job that must fail"
        output = self._output
        marker = json.loads((output / "_SUCCESS").read_bytes())
        report = json.loads((output / "job.json").read_bytes())
        for name, expected in (("result.csv", self.prepared.result), ("rejected.csv", self.prepared.rejected)):
            path = output / name
            data = path.read_bytes() if path.exists() else None
            assert data == expected, f"{name} is not that of a run without faults"
        assert marker["checksum"] == report["result"]["checksum"]
        self._check_file(output / "result.csv", report["result"], "job.json")
        assert report["status"] == "done"
        counting = [told for told in report["attempts"] if told["counts"]]
        assert [told["chunk"] for told in counting] == list(range(1, self.prepared.scenario.chunks + 1))
        for told in counting:
            names = [name for name, receipt in self._receipts.items() if receipt["attempt"] == told["attempt"]]
            assert names, f"job.json names the attempt {told['attempt']}, which no receipt does"
        finished = (output / "_SUCCESS").stat().st_mtime_ns
        for path in output.iterdir():
            assert path.stat().st_mtime_ns <= finished, f"{path.name} was written after the success marker"

    def _check_end(self) -> None:
        """The job is finished; nothing is left that takes space, and nothing has changed since the last look."""
        if self.prepared.scenario.fails:
            left = {path.name for path in self._output.glob("*")}
            assert not left & {"result.csv", "rejected.csv", "_SUCCESS"}, f"a job that failed left {left}"
            return
        self._check_result()
        expected = OUTPUT | ({"rejected.csv"} if self.prepared.rejected else set())
        left = {path.name for path in self._output.iterdir()}
        assert left == expected, f"the output holds {sorted(left)}"
        for path in self._output.iterdir():
            seen = path.stat()
            now = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
            assert self._seen.setdefault(path.name, now) == now, f"{path.name} was touched after the end"


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def removed_if_good(directory: Path) -> Iterator[None]:
    """Remove what a schedule left, unless it failed."""
    yield
    shutil.rmtree(directory)

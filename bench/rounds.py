"""Runs tools on a file and verifies their answers."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.answers import Answer, difference
from bench.measure import ROOT, Measured, run
from bench.tools import Task, Tool
from bench.works import Work

TIMEOUT = 600.0
QUICK_ROUNDS = 3
MAX_MESSAGE_CHARS = 160
ERROR = re.compile(r"[\w.]+(Error|Exception): ")


@dataclass
class Row:
    """The outcome of a tool for a work: its runs, and whether the answer was right, wrong or missing."""

    tool: str
    verdict: str = ""
    detail: str = ""
    runs: list[Measured] = field(default_factory=list)
    right: int | None = None
    expected: int | None = None

    def median(self, figure: str) -> float:
        figures: list[float] = [getattr(one, figure) for one in self.runs]
        return statistics.median(figures)

    def set_verdict(self, verdict: str, detail: str = "") -> None:
        """Record a verdict; a bad one is not replaced by later rounds."""
        if self.verdict in ("", "right"):
            self.verdict, self.detail = verdict, detail


class Judge:
    """Compares answers to a work on a file with the correct one."""

    def __init__(self, work: Work, truth: Path | None = None) -> None:
        self._work = work
        self._truth = truth
        self._seen: dict[str, tuple[str, str]] = {}  # hash of an answer -> verdict, detail
        self._expected = self._digest(truth) if truth else None

    def verdict(self, answer: Path) -> tuple[str, str]:
        """Return "right", or "wrong" and the difference. Without a known answer, the first one counts as correct."""
        key = file_hash(answer)
        if key not in self._seen:
            got = self._digest(answer)
            if self._expected is None:
                self._expected = got
            wrong = difference(self._expected, got)
            odd = ", ".join(got.get("as_floats", []))
            self._seen[key] = ("wrong", wrong) if wrong else ("right", f"{odd} as floats" if odd else "")
        return self._seen[key]

    def right_rows(self, answer: Path) -> tuple[int, int]:
        """Return the number of correct rows in an answer, and their total number."""
        right, expected = _json("bench.answers", "rows", self._work.name, str(self._truth), str(answer))
        return right, expected

    def _digest(self, answer: Path) -> Answer:
        digest: Answer = _json("bench.answers", "digest", self._work.name, str(answer))
        return digest


def file_hash(path: Path) -> str:
    """Return a hash of the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def run_tools(work: Work, source: Path, tools: Sequence[Tool], judge: Judge, directory: Path) -> list[Row]:
    """Run the tools: fast ones in several rounds, the others once. The first one determines the answer."""
    rows = {tool.name: Row(tool.name) for tool in tools}
    quick = [tool for tool in tools if tool.quick and not tool.missing]
    for number in range(QUICK_ROUNDS):
        turn = quick[number:] + quick[:number]  # a different order in each round
        for tool in turn:
            one_run(tool, Task(work, source, directory), judge, rows[tool.name])
    for tool in tools:
        if tool.missing:
            rows[tool.name].set_verdict("skipped", tool.missing)
        elif not tool.quick:
            one_run(tool, Task(work, source, directory), judge, rows[tool.name])
    return list(rows.values())


def one_run(tool: Tool, task: Task, judge: Judge, row: Row) -> None:
    """Run a tool once, verify its answer, record both and remove its files."""
    shutil.rmtree(task.directory, ignore_errors=True)
    task.directory.mkdir(parents=True)
    try:
        done = run(tool.command(task), tool.environment, TIMEOUT)
        row.runs.append(done)
        print(f"  {task.work.name:18}{tool.name:42}{done.seconds:8.2f} s", flush=True)
        if done.code or not task.result.exists():
            row.set_verdict("failed", _last_line(done.message))
        else:
            row.set_verdict(*judge.verdict(task.result))
        if task.work.hostile and task.result.exists():
            row.right, row.expected = judge.right_rows(task.result)
    finally:
        shutil.rmtree(task.directory)


def _last_line(message: str) -> str:
    lines = [line.strip() for line in message.replace(str(ROOT), ".").splitlines() if line.strip()]
    errors = [line for line in lines if ERROR.match(line) and "CalledProcessError" not in line]
    return (errors or lines or ["no answer and no error message"])[-1][:MAX_MESSAGE_CHARS]


def _json(*arguments: str) -> Any:
    """Return the output of a module of this package, run in another process because of its memory, see measure.py."""
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def call(*arguments: str) -> None:
    """Run a module of this package."""
    subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=True)

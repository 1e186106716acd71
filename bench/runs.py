"""Runs questions in tools, and verifies the answers."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.measure import ROOT, Measured, run
from bench.question import Question
from bench.tools import Task, Tool

TIMEOUT = 600.0
MAX_MESSAGE_CHARS = 160
ERROR = re.compile(r"[\w.]+(Error|Exception): ")


@dataclass
class Row:
    """The outcome of a tool for a question: its runs, and whether the answer was equal, different or missing."""

    tool: str
    verdict: str = ""
    detail: str = ""
    runs: list[Measured] = field(default_factory=list)

    def least(self, figure: str) -> float:
        """Return the smallest figure of all runs: load of the machine only adds."""
        return min((getattr(one, figure) for one in self.runs), default=0.0)

    def median(self, figure: str) -> float:
        """Return the median of a figure."""
        figures: list[float] = [getattr(one, figure) for one in self.runs]
        return statistics.median(figures)


def compare(tools: Sequence[Tool], task: Task, rounds: int) -> list[Row]:
    """Run tools in turns, in another order in each round; compare their results with that of the first."""
    rows = {tool.name: Row(tool.name) for tool in tools if tool.query(task.question) is not None}
    capable = [tool for tool in tools if tool.name in rows]
    answer = task.directory.with_suffix(".answer")
    try:
        for number in range(rounds):
            for tool in [capable[0], *capable[1:][number:], *capable[1:][:number]]:
                one_run(tool, task, rows[tool.name], answer)
    finally:
        answer.unlink(missing_ok=True)
    return list(rows.values())


def one_run(tool: Tool, task: Task, row: Row, answer: Path | None = None) -> None:
    """Run a tool once and remove its files. answer: compared with the result, or made of it if it is missing."""
    shutil.rmtree(task.directory, ignore_errors=True)
    task.directory.mkdir(parents=True)
    try:
        done = run(tool.command(task), tool.environment, TIMEOUT, tool.memory)
        row.runs.append(done)
        print(f"  {task.question.name:30}{tool.name:22}{done.seconds:8.2f} s {done.cpu_seconds:8.2f} s CPU", flush=True)
        if done.code or not task.result.exists():
            row.verdict, row.detail = "failed", _last_line(done.message)
        elif answer is None or not answer.exists():
            if answer is not None:
                task.result.rename(answer)
            row.verdict = "equal"
        elif not row.verdict:
            row.detail = _difference(answer, task.result, task.question)
            row.verdict = "different" if row.detail else "equal"
    finally:
        shutil.rmtree(task.directory)


def _difference(expected: Path, got: Path, question: Question) -> str:
    columns = ["--shape"] if question.is_random else question.compared
    command = [sys.executable, "-m", "bench.answers", str(expected), str(got), *columns]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip() if not done.returncode else _last_line(done.stderr)


def _last_line(message: str) -> str:
    lines = [line.strip() for line in message.replace(str(ROOT), ".").splitlines() if line.strip()]
    errors = [line for line in lines if ERROR.match(line) and "CalledProcessError" not in line]
    return (errors or lines or ["no answer and no error message"])[-1][:MAX_MESSAGE_CHARS]

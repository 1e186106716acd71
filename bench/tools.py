"""The measured tools and their commands for each question."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.measure import ROOT
from bench.question import Question
from bench.questions import AGGREGATE, MAP

JOBS = 2
"""Number of processes or threads of every tool."""
OURS = ROOT / ".venv/bin"
PEERS = ROOT / ".venv-bench/bin"
CSVSWARM, DOOR = "csvswarm", "csvswarm, through Ansible"
MEMORY = 256 * 10**6
"""Bytes that a process of csvswarm may take; peers may take any memory."""

Commands = list[list[str]]


@dataclass(frozen=True)
class Task:
    """One run: the question, the input file and a temporary directory, which is removed afterwards."""

    question: Question
    source: Path
    directory: Path
    chunks: str = "auto"

    @property
    def job(self) -> Path:
        return self.directory / "job"

    @property
    def output(self) -> Path:
        return self.directory / "out.csv"

    @property
    def result(self) -> Path:
        """The answer: peers write it to `output`, csvswarm to a directory of that name."""
        return self.output / "result.csv" if self.output.is_dir() else self.output


@dataclass(frozen=True)
class Tool:
    """A tool. query: its form of a question, None where it has none. memory: limit of each process, 0 for none."""

    name: str
    command: Callable[[Task], Commands]
    query: Callable[[Question], str | None]
    environment: dict[str, str] = field(default_factory=dict)
    memory: int = 0


def all_tools() -> list[Tool]:
    """Return the tools in the order of the table; the others are compared with the first one."""
    return [
        Tool(
            CSVSWARM,
            command_line,
            lambda question: question.processor,
            {"PYTHONPATH": str(ROOT / "scripts")},
            memory=MEMORY,
        ),
        Tool("Polars", _peer("polars"), lambda question: question.polars, {"POLARS_MAX_THREADS": str(JOBS)}),
        Tool("DuckDB", _peer("duckdb"), lambda question: question.duckdb),
        Tool("DuckDB, types given", _peer("duckdb", "typed"), lambda question: question.duckdb),
        # pandas reads zstd only with one more package
        Tool("pandas", _peer("pandas"), lambda question: None if question.file.suffix == ".zst" else question.pandas),
        Tool(
            DOOR,
            playbook,
            lambda question: question.processor if question in (MAP, AGGREGATE) else None,
            _environment(),
        ),
    ]


def command_line(task: Task) -> Commands:
    """Return the command that runs the job on this machine, without Ansible."""
    question = task.question
    arguments = [str(task.source), f"--jobs={task.directory}", f"--job-id={task.job.name}", f"--output={task.output}"]
    arguments += [f"--processor={question.processor}", f"--options={json.dumps(question.options)}"]
    arguments += [f"--file={name}" for name in question.files]
    arguments += [f"--chunks={task.chunks}", f"--workers={JOBS}"]
    return [[str(OURS / "python"), "-m", "csvswarm", "run", *arguments]]


def playbook(task: Task) -> Commands:
    """Return the command of the playbook, which runs the three scripts."""
    variables = {
        "input": str(task.source),
        "output": str(task.output),
        "processor": task.question.processor,
        "options": task.question.options,
        "workers": JOBS,
        "job_id": "job",
        "processing_job_directory": str(task.directory),
        "engine": "local",
    }
    return [[str(OURS / "ansible-playbook"), "run_job.yml", "-e", json.dumps(variables)]]


def _environment() -> dict[str, str]:
    return {"PATH": f"{OURS}:{os.environ['PATH']}", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}


def _peer(name: str, *flags: str) -> Callable[[Task], Commands]:
    def command(task: Task) -> Commands:
        query = str(getattr(task.question, name))
        given = [str(task.source), str(task.output), task.question.file.kind, query, *flags]
        return [[str(PEERS / "python"), "-m", "bench.peer", name, *given]]

    return command

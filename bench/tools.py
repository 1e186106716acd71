"""The measured tools and their commands for each work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.measure import ROOT
from bench.works import JOBS, Work

OURS = ROOT / ".venv/bin"
PEERS = ROOT / ".venv-bench/bin"
SCRIPTS, PANDAS_CODE, DOOR = "csvswarm", "csvswarm, pandas code", "csvswarm, through Ansible"

Commands = list[list[str]]


@dataclass(frozen=True)
class Task:
    """One run: the work, the input file and a temporary directory, which is removed afterwards."""

    work: Work
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
    """A row of the table. missing: why the tool cannot run, shown in its row."""

    name: str
    command: Callable[[Task], Commands]
    quick: bool = False
    door: bool = False
    hostile: bool = True
    missing: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        return self.name.startswith(SCRIPTS)


def all_tools() -> list[Tool]:
    """Return the tools in the order of the table; the others are compared with the first one."""
    return [
        Tool(SCRIPTS, scripts, quick=True),
        Tool(DOOR, run_with_playbook, quick=True, door=True, hostile=False, environment=_playbook_environment()),
        Tool(PANDAS_CODE, pandas_code),
        Tool("DuckDB", _peer("duckdb_copy"), quick=True),
        Tool("Polars", _peer("polars_streaming"), quick=True, environment={"POLARS_MAX_THREADS": str(JOBS)}),
        Tool("pandas, in chunks", _peer("pandas_chunked")),
        Tool(f"Dask, {JOBS} processes", _peer("dask_processes")),
        Tool(f"GNU parallel --pipepart, pandas, {JOBS} jobs", _peer("gnu_parallel"), missing=_without_parallel()),
    ]


def scripts(task: Task) -> Commands:
    """Return the commands of the three scripts with the shipped processor."""
    return _three(task, task.work.processor, task.work.options)


def pandas_code(task: Task) -> Commands:
    """Return the commands of the three scripts with pandas code as a user's processor."""
    return _three(task, f"bench/processors/{task.work.name}.py", {})


def _three(task: Task, processor: str, options: dict[str, object]) -> Commands:
    python, job = str(OURS / "python"), f"--job={task.job}"
    split = [f"--input={task.source}", f"--output={task.output}", f"--processor={processor}"]
    split += [f"--options={json.dumps(options)}", f"--chunks={task.chunks}", f"--workers={JOBS}"]
    return [
        [python, "scripts/split_dataframe.py", job, *split],
        [python, "scripts/split_processing.py", job, f"--workers={JOBS}"],
        [python, "scripts/collect_results.py", job, f"--output={task.output}"],
    ]


def run_with_playbook(task: Task) -> Commands:
    """Return the command of the playbook."""
    variables = {
        "input": str(task.source),
        "output": str(task.output),
        "processor": task.work.processor,
        "options": task.work.options,
        "workers": JOBS,
        "job_id": "job",
        "processing_job_directory": str(task.directory),
        "engine": "local",
    }
    return [[str(OURS / "ansible-playbook"), "run_job.yml", "-e", json.dumps(variables)]]


def _playbook_environment() -> dict[str, str]:
    return {"PATH": f"{OURS}:{os.environ['PATH']}", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}


def _peer(name: str) -> Callable[[Task], Commands]:
    def command(task: Task) -> Commands:
        return [
            [str(PEERS / "python"), "-m", f"bench.peers.{name}", task.work.name, str(task.source), str(task.output)]
        ]

    return command


def _without_parallel() -> str:
    """Install GNU parallel if possible; return why it is missing, empty if it is installed."""
    if _has_parallel():
        return ""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return "not installed; on Debian and Ubuntu: sudo apt-get install parallel"
    print("bench: installing the package parallel", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "parallel"]):
        subprocess.run(["apt-get", *arguments], env=environment, check=False, capture_output=True)
    return "" if _has_parallel() else "apt-get could not install the package parallel"


def _has_parallel() -> bool:
    return "GNU parallel" in parallel_version()


def parallel_version() -> str:
    """Return the first line of `parallel --version`, as moreutils has another command of that name."""
    if not shutil.which("parallel"):
        return ""
    done = subprocess.run(["parallel", "--version"], check=False, capture_output=True, text=True)
    return done.stdout.partition("\n")[0]

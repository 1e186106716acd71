"""Processes that run the scripts of a job, forked from one that has imported what they need.

A job starts four of them, whose imports took 0.1 to 0.3 s each on a virtual board.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

from csvswarm.runtime.script_process import run_script

_IMPORTED = (
    "csvswarm.driver.reconcile",
    "split_dataframe",
    "collect_results",
)
_CONTEXT = multiprocessing.get_context("forkserver")


def start_importing() -> None:
    """Start the process that the others are forked from, unless it runs. It ends with this one."""
    _CONTEXT.set_forkserver_preload([*_IMPORTED])
    forkserver.ensure_running()


def start(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], answer: Path, errors: Path
) -> BaseProcess:
    """Start a script, or the function `main` of a module with `-m`, and return its process.

    command: as for Python. folder: where it runs. environment: added variables. answer, errors: existing files, for
    what it prints.
    """
    start_importing()
    process = _CONTEXT.Process(
        target=_run, args=([*command], str(folder), {**environment}, str(answer), str(errors)), daemon=False
    )
    process.start()
    return process


def _run(command: list[str], folder: str, environment: dict[str, str], answer: str, errors: str) -> None:
    # Makes the kernel kill the process that needs too much memory, and not the driver beside it.
    Path("/proc/self/oom_score_adj").write_text("1000")
    os.chdir(folder)
    os.environ.update(environment)
    run_script(command, Path(answer), Path(errors))

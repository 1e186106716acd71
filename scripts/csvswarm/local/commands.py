"""The commands that repeat a job on this machine and that resume it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path


def commands(
    inputs: Sequence[str | os.PathLike[str]],
    options: Sequence[str],
    *,
    job_id: str,
    jobs: Path,
    output: Path | None = None,
    workers: int | str = "auto",
) -> dict[str, str]:
    """Return the commands that repeat and resume a job.

    options: those of the split, as arguments. jobs: directory of the job directories. output: of the result, None for
    the default.
    """
    words = ["csvswarm", "run", *(os.fspath(path) for path in inputs), *options]
    resume = [*words, f"--job-id={job_id}"]
    resume += [f"--jobs={jobs}"] if str(jobs) != "jobs" else []
    resume += [f"--output={output}"] if output else []
    resume += [f"--workers={workers}"] if str(workers) != "auto" else []
    # The repetition is a job of its own, over all files; without a name, it could not be incremental.
    repeat = [word for word in words if word != "--incremental"]
    return {"repeat": shlex.join(repeat), "resume": shlex.join(resume)}


def remedy(commands: Mapping[str, str]) -> str:
    """Return what to do after a failed job. commands: those that repeat and resume it."""
    return (
        f"If the processor or the input is wrong, fix it and run a new job: {commands['repeat']}\n"
        f"Otherwise, fix the cause and resume. Finished chunks are kept: {commands['resume']}"
    )

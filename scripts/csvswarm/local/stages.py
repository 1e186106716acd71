"""Runs the scripts of a job one after the other, as run_job.yml does on one machine.

They are processes of their own: what a processor imports, prints or breaks stays there, and a notebook is not forked.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csvswarm import errors
from csvswarm.errors import CsvswarmError, OptionError

#: Beside the package, in a clone as well as installed.
SCRIPTS = Path(__file__).resolve().parents[2]
#: Exit codes of the scripts.
FAILED, USAGE = 1, 2
#: Environment variables that `csvswarm.cli` reads.
ERROR_FILE, RESUME = "CSVSWARM_ERROR_FILE", "CSVSWARM_RESUME"
#: Seconds that a script may take to end after Ctrl-C.
_GRACE = 10


class StageFailed(Exception):
    """Internal: a script has ended without success. code: its exit code. error: what it reports, None for a bug."""

    def __init__(self, code: int, error: CsvswarmError | None, output: str) -> None:
        super().__init__(output)
        self.code, self.error, self.output = code, error, output


@dataclass(frozen=True)
class LocalJob:
    """A job on this machine.

    directory: its job directory. output: where the result goes. quiet: keep what the scripts print, and print it only
    if they succeed. resume: the command that resumes it, for the line after Ctrl-C.
    """

    directory: Path
    output: Path
    quiet: bool = True
    resume: str = ""

    def run(self, split_arguments: Sequence[str], workers: str = "auto") -> dict[str, Any]:
        """Split, process, collect and report. Returns the summaries by stage. Raises StageFailed."""
        job, output = f"--job={self.directory}", f"--output={self.output}"
        split = self._run("split_dataframe.py", job, output, f"--workers={workers}", *split_arguments)
        try:
            process = self._run("split_processing.py", job, f"--workers={workers}")
            collect = self._run("collect_results.py", job, output)
        except StageFailed as failure:
            if failure.error is not None:
                self._report(job, f"--error={failure.error}")
            raise
        return {"split": split, "process": process, "collect": collect, "report": self._report(job, output)}

    def _report(self, *arguments: str) -> str | None:
        """Return the path of the report. A report that cannot be written fails no job."""
        try:
            path = LocalJob(self.directory, self.output)._run("report_job.py", *arguments)["report"]  # noqa: SLF001
        except StageFailed:
            return None
        return None if path is None else str(path)

    def _run(self, script: str, *arguments: str) -> dict[str, Any]:
        command = [sys.executable, str(SCRIPTS / script), "--json", *arguments]
        with tempfile.TemporaryDirectory(prefix="csvswarm-") as name:
            error_file = Path(name) / "error.json"
            environment = {**os.environ, ERROR_FILE: str(error_file), RESUME: self.resume}
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if self.quiet else None,
                text=True,
                errors="replace",
            )
            try:
                answer, printed = process.communicate()
            except BaseException:
                _interrupt(process)
                raise
            if process.returncode == 0:
                if printed:
                    print(printed, end="", file=sys.stderr)
                summary: dict[str, Any] = json.loads(answer)
                return summary
            raise StageFailed(
                process.returncode, _error_of(process.returncode, error_file, printed or ""), printed or ""
            )


def _interrupt(process: subprocess.Popen[str]) -> None:
    """End a script as Ctrl-C does; on a terminal it has the signal already."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _error_of(code: int, error_file: Path, printed: str) -> CsvswarmError | None:
    """Return the error that a script has reported, as an exception of csvswarm; None for a bug."""
    if code == USAGE:
        return OptionError(printed.strip().rpartition("error: ")[2])
    try:
        found = json.loads(error_file.read_text())
    except (OSError, ValueError):
        return None
    kind = getattr(errors, found["kind"], CsvswarmError)
    error: CsvswarmError = kind(found["message"])
    return error


def new_job_id() -> str:
    """Return the name of a new job, made from the time."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"

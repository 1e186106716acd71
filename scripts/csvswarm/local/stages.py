"""Runs the scripts of a job one after the other, as run_job.yml does on one machine.

They run in separate processes, so the imports, output and crashes of a processor stay there, and a notebook is not
forked.
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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csvswarm import cli, errors
from csvswarm.errors import CsvswarmError, OptionError
from csvswarm.local.commands import remedy

#: Beside the package, in a clone as well as installed.
SCRIPTS = Path(__file__).resolve().parents[2]
#: Exit codes of the scripts, besides that of a reported error.
USAGE, INTERRUPTED = 2, 130
#: Seconds that a script may take to end after Ctrl-C.
_GRACE = 10


class StageFailed(Exception):
    """Internal: a script has ended without success.

    code: its exit code. error: what it reports, None for a bug. report: path of the report of the failed job, if any.
    The text of the exception is the output of the script, unless it was printed live.
    """

    def __init__(self, code: int, error: CsvswarmError | None, printed: str) -> None:
        super().__init__(printed)
        self.code, self.error = code, error
        self.report: str | None = None


@dataclass(frozen=True)
class LocalJob:
    """A job on this machine.

    directory: its job directory. output: where the result goes. commands: those that repeat and resume it, for its
    report. live: print the output of a processor immediately, instead of at the end of a successful stage.
    """

    directory: Path
    output: Path
    commands: Mapping[str, str]
    live: bool = False

    def run(self, split_arguments: Sequence[str], workers: str = "auto") -> dict[str, Any]:
        """Split, process, collect and report. Returns summaries by stage. Raises StageFailed and KeyboardInterrupt."""
        job, output = f"--job={self.directory}", f"--output={self.output}"
        split = _run("split_dataframe.py", job, output, f"--workers={workers}", *split_arguments)
        try:
            process = _run("split_processing.py", job, f"--workers={workers}", live=self.live)
            collect = _run("collect_results.py", job, output, live=self.live)
        except StageFailed as failure:
            if failure.error is not None:
                failure.report = self._report(job, f"--error={failure.error}", f"--remedy={remedy(self.commands)}")
            raise
        return {"split": split, "process": process, "collect": collect, "report": self._report(job, output)}

    def _report(self, *arguments: str) -> str | None:
        """Return the path of the report. A report that cannot be written does not fail the job."""
        try:
            path = _run("report_job.py", f"--commands={json.dumps(self.commands)}", *arguments)["report"]
        except StageFailed:
            return None
        return None if path is None else str(path)


def _run(script: str, *arguments: str, live: bool = False) -> dict[str, Any]:
    """Run a script and return its summary. live: let it print, instead of keeping its output to the end."""
    command = [sys.executable, str(SCRIPTS / script), "--json", *arguments]
    with tempfile.TemporaryDirectory(prefix="csvswarm-") as name:
        error_file = Path(name) / "error.json"
        process = subprocess.Popen(
            command,
            env={**os.environ, cli.ERROR_FILE: str(error_file)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if live else subprocess.PIPE,
            text=True,
            errors="replace",
        )
        try:
            answer, output = process.communicate()
        except KeyboardInterrupt:
            _interrupt(process)
            raise
        code, printed = process.returncode, output or ""
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if code:
            raise StageFailed(code, _error_of(code, error_file, printed), "" if code == USAGE else printed)
        print(printed, end="", file=sys.stderr)
        summary: dict[str, Any] = json.loads(answer)
        return summary


def _interrupt(process: subprocess.Popen[str]) -> None:
    """End a script as Ctrl-C does; on a terminal, it already got the signal, and a second one would disturb its end."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(1)
        return
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


def name_job(job_id: str | None, *, incremental: bool = False) -> str:
    """Return the name of a job; without one, a new name generated from the current time. Raises OptionError."""
    if job_id:
        return job_id
    if incremental:
        raise OptionError("incremental needs a job_id, by which later runs find the job.")
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"

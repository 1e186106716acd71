"""Runs `csvswarm run` in a process of its own, so that nothing of a job stays in the calling program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from csvswarm import cli
from csvswarm.errors import CsvswarmError
from csvswarm.local.stages import read_error
from csvswarm.runtime.script_process import INTERRUPTED, SCRIPTS

#: Without the caller's current directory, whose files must not replace modules of Python.
_COMMAND = "import sys; sys.path.insert(0, sys.argv.pop(1)); from csvswarm.local.command import main; main()"
#: Seconds that a job may take to end after Ctrl-C: longer than one of its scripts.
_GRACE = 15


def run_command(inputs: Sequence[str | os.PathLike[str]], arguments: Sequence[str]) -> dict[str, Any]:
    """Run a job and return its summary; print its output while it runs.

    Raises CsvswarmError and KeyboardInterrupt.
    """
    paths = [os.fspath(path) for path in inputs]
    paths = [f"./{path}" if path.startswith("-") else path for path in paths]
    command = [sys.executable, "-P", "-c", _COMMAND, str(SCRIPTS), "run", *paths, "--json", *arguments]
    with tempfile.TemporaryDirectory(prefix="csvswarm-") as name:
        answer, error_file = Path(name) / "answer.json", Path(name) / "error.json"
        with (
            answer.open("wb") as file,
            subprocess.Popen(
                command,
                env={**os.environ, cli.ERROR_FILE: str(error_file)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            ) as process,
        ):
            try:
                for line in process.stderr or ():
                    print(line, end="", file=sys.stderr)
                code = process.wait()
            except KeyboardInterrupt:
                _interrupt(process)
                raise
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if code:
            raise read_error(error_file) or CsvswarmError(f"csvswarm run ended with code {code}, please report this.")
        summary: dict[str, Any] = json.loads(answer.read_text())
        return summary


def _interrupt(process: subprocess.Popen[str]) -> None:
    """End a job as Ctrl-C does; on a terminal, it already got the signal, and a second one would disturb its end."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(3)
        return
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

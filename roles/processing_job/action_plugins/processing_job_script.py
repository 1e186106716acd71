"""Runs a script of a job on this machine, without the second Python process of a module, and shows its progress."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from importlib.machinery import SourceFileLoader
from pathlib import Path
from signal import Signals
from types import ModuleType
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

# Ansible does not put directories of a role on Python's path for plugins.
_progress: Any = ModuleType("processing_job_progress")
SourceFileLoader(
    _progress.__name__, str(Path(__file__).resolve().parents[1] / "plugin_utils/processing_job_progress.py")
).exec_module(_progress)

display = Display()

#: Exit code with which a script reports an error itself.
REPORTED = 1
#: The scripts write their status to the file that this variable names.
STATUS = "CSVSWARM_STATUS"
#: Seconds between two reads of the status, and until the first line, which a shorter stage does not need.
POLL_EVERY, FIRST = 0.25, 1.5


class ActionModule(ActionBase):
    """Runs a command as a child of Ansible's own process, also with --check.

    Arguments: argv, the command, passed unchanged; stdin, text for its standard input; chdir, the directory it starts
    in; must_succeed, whether an error that the script reports itself (exit code 1) fails the task, with the script's
    own message. Returns rc, stdout and stderr. Any other exit code except 0 fails the task.
    """

    _VALID_ARGS = frozenset(("argv", "stdin", "chdir", "must_succeed"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the command and wait for its end."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        argv = [str(word) for word in self._task.args["argv"]]
        with tempfile.TemporaryDirectory(prefix="csvswarm-", ignore_cleanup_errors=True) as directory:
            code, output, errors = run_shown(
                argv, self._task.args.get("stdin", ""), self._task.args.get("chdir"), Path(directory, "status.json")
            )
        result |= {"rc": code, "stdout": output, "stderr": errors.rstrip("\n"), "changed": True}
        if code not in (0, REPORTED):
            script = Path(argv[min(1, len(argv) - 1)]).name
            result |= {"failed": True, "msg": f"{script} {ending(code)}.\n{errors.strip()}".rstrip()}
        if code == REPORTED and self._task.args.get("must_succeed"):
            result |= {"failed": True, "msg": printable(str(result["stderr"])), "is_written": True}
        return result


def printable(text: str) -> str:
    r"""Return a text with its control characters as escapes like \x1b, as module_utils/processing_job_text.py does."""
    return "".join(one if one.isprintable() or one in "\n\t" else ascii(one)[1:-1] for one in text)


def run_shown(argv: list[str], stdin: str, directory: str | None, status: Path) -> tuple[int, str, str]:
    """Run a command, and show the status that it writes to a file. Return its exit code, output and error output."""
    # Ctrl-C reaches the process group of Ansible's worker, including the script and its processes.
    with subprocess.Popen(
        argv,
        cwd=directory,
        env=os.environ | {STATUS: str(status)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        progress = _progress.Progress(display, first=FIRST)
        given: str | None = stdin
        try:
            while True:
                try:
                    output, errors = process.communicate(given, timeout=POLL_EVERY)
                except subprocess.TimeoutExpired:
                    given = None  # communicate has already read it
                    progress.show(_progress.status_line(read_status(status)))
                else:
                    return process.returncode, output, errors
        except BaseException:
            process.kill()
            raise
        finally:
            progress.clear()


def read_status(path: Path) -> dict[str, Any]:
    """Return the status that a script has written, empty before the first one."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def ending(code: int) -> str:
    """Return how a process ended, as text."""
    if code >= 0:
        return f"ended with exit code {code}, which is a bug in csvswarm: report it with the lines below"
    return f"was ended by {Signals(-code).name}"

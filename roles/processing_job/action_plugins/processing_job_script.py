"""Run one of the job's scripts on this machine, without the second Python that a module costs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from signal import Signals
from typing import Any

from ansible.plugins.action import ActionBase

#: The script reports an error itself with this exit code.
REPORTED = 1


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible ships no types
    """Runs a command as a child of Ansible's own process, also with --check.

    Arguments: argv, the command, passed as it is: nothing is expanded; stdin, text for its standard input; chdir, the
    directory it starts in; must_succeed, whether an error that the script reports itself (exit code 1) fails the task,
    with the script's own message. Returns rc, stdout and stderr. Any other exit code but 0 is a failure of the task.
    """

    _VALID_ARGS = frozenset(("argv", "stdin", "chdir", "must_succeed"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the command and wait for its end."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        argv = [str(word) for word in self._task.args["argv"]]
        # Ctrl-C reaches the whole process group of Ansible's worker, and so the script and its processes.
        done = subprocess.run(
            argv,
            check=False,
            cwd=self._task.args.get("chdir"),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            input=self._task.args.get("stdin", ""),
        )
        result |= {"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr.rstrip("\n"), "changed": True}
        if done.returncode not in (0, REPORTED):
            script = Path(argv[min(1, len(argv) - 1)]).name
            result |= {"failed": True, "msg": f"{script} {ending(done.returncode)}.\n{done.stderr.strip()}".rstrip()}
        if done.returncode == REPORTED and self._task.args.get("must_succeed"):
            result |= {"failed": True, "msg": printable(str(result["stderr"])), "is_written": True}
        return result


def printable(text: str) -> str:
    r"""Return a text with its control characters as escapes like \x1b, as module_utils/processing_job_text.py does."""
    return "".join(one if one.isprintable() or one in "\n\t" else ascii(one)[1:-1] for one in text)


def ending(code: int) -> str:
    """Return how a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}, which is a fault in csvswarm: report it with the lines below"
    return f"was ended by {Signals(-code).name}"

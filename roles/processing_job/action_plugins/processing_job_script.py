"""Run one of the job's scripts on this machine, without the second Python that a module costs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from signal import Signals
from typing import Any

from ansible.plugins.action import ActionBase

#: The script reports an error itself with this exit code.
REPORTED = 1


class ActionModule(ActionBase):
    """Runs a command as a child of Ansible's own process, also with --check.

    Arguments: argv, the command, passed as it is: nothing is expanded; stdin, text for its standard input; chdir, the
    directory it starts in. Returns rc, stdout and stderr. Any exit code but 0 and 1 is a failure of the task.
    """

    _VALID_ARGS = frozenset(("argv", "stdin", "chdir"))

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
        return result


def ending(code: int) -> str:
    """Return how a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}, which is a fault in csvswarm: report it with the lines below"
    return f"was ended by {Signals(-code).name}"

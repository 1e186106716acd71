"""Run a command and measure how long a user waits for it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Maximum number of characters of a failed command's output that are shown.
_SHOWN = 3000


class BenchError(Exception):
    """A message for the user."""


def seconds(command: Sequence[str], *, output: Path | None = None, environment: dict[str, str] | None = None) -> float:
    """Run a command from the root of the clone and return its wall time in seconds.

    output: receives standard output. Raises BenchError with the end of the command's output when it fails.
    """
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if output is None else output.open("wb"),
        stderr=subprocess.PIPE,
    )
    waited = time.monotonic() - started
    if done.returncode:
        shown = ((done.stdout or b"") + done.stderr).decode(errors="replace")[-_SHOWN:]
        raise BenchError(f"{' '.join(command)[:300]}\nfailed with code {done.returncode}:\n{shown}")
    return waited

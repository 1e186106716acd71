"""A background run of ansible-playbook: its output so far, its end, and how to kill it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Playbook:
    """A run. log: the file with all its output."""

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, command: list[str], place: Path, environment: dict[str, str], log: Path) -> Playbook:
        """Start a command in a directory, in a process group of its own."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=place,
                env=environment,
                # Not a pipe: processes that Ansible leaves behind (persistent ssh connections) may keep it open and
                # block a read.
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(process, log)

    @property
    def output(self) -> str:
        """All its output so far."""
        return self.log.read_text(errors="replace")

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def end(self, limit: float = 900) -> int:
        """Return its exit code. Raises AssertionError when it has not ended within `limit` seconds, and kills it."""
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            tree = subprocess.run(["ps", "-e", "-H", "-o", "pid,etimes,stat,wchan:20,args"], capture_output=True,
                                  text=True, check=False).stdout  # fmt: skip
            self.kill()
            raise AssertionError(f"not ended within {limit:.0f} s\n{self.output}\n{tree}") from None

    def kill(self) -> None:
        """Kill ansible-playbook and all its descendants together, like a power cut of this machine."""
        for pid in [self.process.pid, *_descendants(self.process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def _descendants(pid: int) -> list[int]:
    """Return all descendants of a process. Ansible's processes leave its process group."""
    children = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            children[int(fields[1])].append(int(stat.parent.name))
    found = list(children[pid])
    for child in found:
        found += children[child]
    return found

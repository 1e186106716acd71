"""Runs a command and measures it with all its descendants: wall time, CPU time, and memory.

- CPU is the user and system time of the process and all its descendants, from wait4. Orphans are adopted.
- The peak of one process is the largest ru_maxrss among them. A process inherits this figure from its parent, so this
  process must stay small: it must not import pandas or other large modules.
- A limit of memory applies to that peak: a command that exceeds it ends, but fails.
- The peak of the tree is sampled: every 20 ms, the resident set sizes of all its processes are summed. At each new
  maximum, the sum of PSS is recorded, which counts shared pages only once. Its maximum is reported.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

INTERVAL = 0.02
NEW_HIGH = 1.03
PAGE = os.sysconf("SC_PAGE_SIZE")
PR_SET_CHILD_SUBREAPER = 36
MESSAGE = 20_000  # bytes of the last output to keep

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Measured:
    """The cost of commands run in sequence, and the outcome of the last one."""

    seconds: float
    cpu_seconds: float
    peak_process: int
    peak_tree: int
    code: int
    message: str
    steps: list[float] = field(default_factory=list)


def run(commands: Sequence[Sequence[str]], environment: dict[str, str], seconds: float, memory: int = 0) -> Measured:
    """Run commands in sequence until one fails.

    seconds: time limit of each. memory: limit of each process in bytes, 0 for none.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    began = time.perf_counter()
    done: list[Measured] = []
    for command in commands:
        done.append(_limited(_run(command, environment, seconds), memory))
        if done[-1].code:
            break
    return Measured(
        time.perf_counter() - began,
        sum(one.cpu_seconds for one in done),
        max(one.peak_process for one in done),
        max(one.peak_tree for one in done),
        done[-1].code,
        done[-1].message,
        [one.seconds for one in done],
    )


def _limited(done: Measured, memory: int) -> Measured:
    """Return the measurements of a command, as a failure if one of its processes took more than these bytes."""
    if not memory or done.code or done.peak_process <= memory:
        return done
    message = f"a process took {done.peak_process / 1e6:,.0f} MB, more than the limit of {memory / 1e6:,.0f} MB"
    return replace(done, code=1, message=message)


def _run(command: Sequence[str], environment: dict[str, str], seconds: float) -> Measured:
    others = set(_children(os.getpid()))
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**_inherited(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        memory = _Memory(process.pid)
        late = threading.Timer(seconds, _kill, [process.pid])
        memory.start()
        late.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            _kill(process.pid)
            raise
        finally:
            took = time.perf_counter() - began
            late.cancel()
            memory.stop()
        process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for it
        _kill(process.pid)
        orphans = list(_orphans(others))
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - MESSAGE))
        message = output.read().decode(errors="replace").strip()
    usages = [usage, *orphans]
    timed_out = process.returncode == -signal.SIGKILL and took >= seconds
    return Measured(
        took,
        sum(one.ru_utime + one.ru_stime for one in usages),
        max(one.ru_maxrss for one in usages) * 1024,
        memory.peak,
        process.returncode,
        f"stopped after {seconds:.0f} s" if timed_out else message,
    )


def _inherited() -> dict[str, str]:
    """Return this environment, without the ban on bytecode files: with it, each start compiles all own modules."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _kill(session: int) -> None:
    try:
        os.killpg(session, signal.SIGKILL)
    except ProcessLookupError:
        return


def _orphans(others: set[int]) -> Iterator[resource.struct_rusage]:
    """End processes that a command left running, and yield their cost. others: children of other commands."""
    while orphans := set(_children(os.getpid())) - others:
        for pid in orphans:
            try:
                os.kill(pid, signal.SIGKILL)
                yield os.wait4(pid, 0)[2]
            except (ChildProcessError, ProcessLookupError):
                continue


class _Memory(threading.Thread):
    """Samples the memory of a process and its descendants until stopped."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._pid = pid
        self._high = 0.0
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(INTERVAL):
            pids = list(_tree(self._pid))
            resident = sum(_resident(pid) for pid in pids)
            if resident > self._high * NEW_HIGH:
                self._high = resident
                self.peak = max(self.peak, sum(_proportional(pid) for pid in pids))

    def stop(self) -> None:
        self._end.set()
        self.join()


def _read(path: str) -> str:
    """Return the content of a file in /proc; empty if its process has ended."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for child in _children(pid):
        yield from _tree(child)


def _children(pid: int) -> Iterator[int]:
    try:
        threads = [path.name for path in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return
    for thread in threads:
        yield from map(int, _read(f"/proc/{pid}/task/{thread}/children").split())


def _resident(pid: int) -> int:
    words = _read(f"/proc/{pid}/statm").split()
    return int(words[1]) * PAGE if words else 0


def _proportional(pid: int) -> int:
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0

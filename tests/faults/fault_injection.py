"""Inject faults into real processes: with strace at a given system call, with libfiu at random, with kernel limits."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Names for strace; `?`: not every architecture has both of a pair.
CALLS = {
    "write": "write,pwrite64,?writev",
    "fsync": "fsync,fdatasync",
    "rename": "?rename,renameat,?renameat2",
    "link": "?link,linkat",
    "unlink": "?unlink,unlinkat",
    "mkdir": "?mkdir,mkdirat",
    "open": "?open,openat",
    "read": "read,pread64",
    "stat": "?stat,?newfstatat,?statx",
    "close": "close",
}
ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EDQUOT": errno.EDQUOT}
SHORT = ("write", "pwrite", "writev", "read", "pread")
FLAKY = ("sync/fsync", "sync/fdatasync", "dir/rename", "dir/unlink", "rw/ftruncate")


@dataclass(frozen=True)
class Fault:
    """A fault in one run of a script, in each of its processes.

    Subclasses define the command before the script's as `before` and additional environment variables as `environment`;
    `hit` returns whether the fault occurred according to the injector's log, if known.
    """

    def before(self, log: Path) -> list[str]:
        del log
        return []

    def environment(self) -> Mapping[str, str]:
        return {}

    def hit(self, log: str) -> bool | None:
        del log
        return None


@dataclass(frozen=True)
class _AtCall(Fault):
    """A fault at the n-th of some system calls. paths: only calls on one of these files.

    Calls are counted per process.
    """

    call: str
    number: int
    paths: tuple[str, ...] = ()

    def before(self, log: Path) -> list[str]:
        named = [part for path in self.paths for part in ("-P", path)]
        calls = CALLS[self.call]
        inject = f"inject={calls}:{self._effect()}"
        quiet = "--quiet=attach,personality,path-resolution,thread-execve,superseded"
        # not with --seccomp-bpf, with which strace 6.1 sends no signals
        return ["strace", "-f", quiet, "-o", str(log), *named, "-e", f"trace={calls}", "-e", inject]

    def _effect(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class Killed(_AtCall):
    """Kill the calling process with SIGKILL instead of the call."""

    def _effect(self) -> str:
        return f"signal=SIGKILL:when={self.number}"

    def hit(self, log: str) -> bool | None:
        return "killed by SIGKILL" in log


@dataclass(frozen=True)
class Stopped(_AtCall):
    """Pause the process at the call until it is resumed, like a board that loses its network."""

    def _effect(self) -> str:
        return f"signal=SIGSTOP:when={self.number}"

    def hit(self, log: str) -> bool | None:
        return "stopped by SIGSTOP" in log


@dataclass(frozen=True)
class Failing(_AtCall):
    """Make the call fail. lasting: all later calls fail as well."""

    error: str = "EIO"
    lasting: bool = False

    def _effect(self) -> str:
        return f"error={self.error}:when={self.number}{'+' * self.lasting}"

    def hit(self, log: str) -> bool | None:
        return "(INJECTED)" in log


@dataclass(frozen=True)
class _Preloaded(Fault):
    """Run the C library's calls through libfiu, which fails them at random. seed: of its random numbers."""

    probability: float
    seed: int

    def before(self, log: Path) -> list[str]:
        del log
        points = [part for point in self._points() for part in ("-c", point)]
        return ["fiu-run", "-f", "", "-x", *points]

    def environment(self) -> Mapping[str, str]:
        # libfiu also wraps malloc, and deadlocks with threads that libraries start while they load
        quiet = {"JE_ARROW_MALLOC_CONF": "background_thread:false", "OPENBLAS_NUM_THREADS": "1"}
        return {"FIU_PRNG_SEED": str(self.seed), **quiet}

    def _points(self) -> list[str]:
        raise NotImplementedError


@dataclass(frozen=True)
class Short(_Preloaded):
    """Make reads and writes short, as on pipes, over a network and when signals arrive."""

    def _points(self) -> list[str]:
        return [f"enable_random name=posix/io/rw/{name}/reduce,probability={self.probability}" for name in SHORT]


@dataclass(frozen=True)
class Flaky(_Preloaded):
    """Make syncs, renames and removals fail at random."""

    error: str = "EIO"

    def _points(self) -> list[str]:
        info = f"probability={self.probability},failinfo={ERRORS[self.error]}"
        return [f"enable_random name=posix/io/{name},{info}" for name in FLAKY]


@dataclass(frozen=True)
class Limited(Fault):
    """Limit every file to `size` bytes: the kernel writes up to the limit, then fails."""

    size: int

    def before(self, log: Path) -> list[str]:
        del log
        return ["prlimit", f"--fsize={self.size}"]


@dataclass(frozen=True)
class KilledLater(Fault):
    """Kill all processes of the run at once, `seconds` after the file `sign` appears, like a power loss."""

    sign: Path
    seconds: float


@contextmanager
def small_disk(path: Path, size: int) -> Iterator[None]:
    """A small file system that fills up: a tmpfs."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True, capture_output=True)


def missing_tools(directory: Path) -> str:
    """Return the reason why faults cannot be injected on this machine; empty if they can."""
    probes: Sequence[tuple[str, list[str]]] = (
        ("strace", Failing("fsync", 1).before(directory / "probe.log")),
        ("fiu-utils", Short(0.1, 1).before(directory / "probe.log")),
        ("prlimit", Limited(1 << 30).before(directory / "probe.log")),
    )
    for name, before in probes:
        if not shutil.which(before[0]):
            return f"{before[0]} is not installed (tools/test_tools.sh, or: apt-get install {name})"
        done = subprocess.run([*before, "true"], check=False, capture_output=True, text=True)
        if done.returncode:
            return f"{before[0]} does not work here: {done.stderr.strip()[-200:]}"
    return ""


def can_mount(directory: Path) -> bool:
    """Whether file systems can be mounted, which needs root and CAP_SYS_ADMIN."""
    if os.geteuid():
        return False
    try:
        with small_disk(directory / "probe", 1 << 16):
            return True
    except subprocess.CalledProcessError:
        return False

"""Faults put into real processes: by strace at a chosen system call, by libfiu at random, by limits of the kernel."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: What strace calls them; `?`: not every architecture has both of a pair.
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
    """A fault in one run of a script, and in every process of it.

    Subclasses say in `before` which command is put in front of the script's, and in `environment` what is added to its
    environment; `hit` tells from the injector's log whether it came to anything, where that can be told.
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
    """At the n-th of some system calls. paths: only calls that name one of these files, or a descriptor of it.

    Counted in every process of its own.
    """

    call: str
    number: int
    paths: tuple[str, ...] = ()

    def before(self, log: Path) -> list[str]:
        named = [part for path in self.paths for part in ("-P", path)]
        calls = CALLS[self.call]
        inject = f"inject={calls}:{self._effect()}"
        quiet = "--quiet=attach,personality,path-resolution,thread-execve,superseded"
        # not with --seccomp-bpf: strace 6.1 sends no signals then
        return ["strace", "-f", quiet, "-o", str(log), *named, "-e", f"trace={calls}", "-e", inject]

    def _effect(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class Killed(_AtCall):
    """SIGKILL for the process that makes the call, in place of the call."""

    def _effect(self) -> str:
        return f"signal=SIGKILL:when={self.number}"

    def hit(self, log: str) -> bool | None:
        return "killed by SIGKILL" in log


@dataclass(frozen=True)
class Stopped(_AtCall):
    """The process stands still at the call, until it is told to go on: a board that was cut off."""

    def _effect(self) -> str:
        return f"signal=SIGSTOP:when={self.number}"

    def hit(self, log: str) -> bool | None:
        return "stopped by SIGSTOP" in log


@dataclass(frozen=True)
class Failing(_AtCall):
    """The call fails. lasting: so do all that follow."""

    error: str = "EIO"
    lasting: bool = False

    def _effect(self) -> str:
        return f"error={self.error}:when={self.number}{'+' * self.lasting}"

    def hit(self, log: str) -> bool | None:
        return "(INJECTED)" in log


@dataclass(frozen=True)
class _Preloaded(Fault):
    """Calls of the C library go through libfiu, which decides at random. seed: of its random numbers."""

    probability: float
    seed: int

    def before(self, log: Path) -> list[str]:
        del log
        points = [part for point in self._points() for part in ("-c", point)]
        return ["fiu-run", "-f", "", "-x", *points]

    def environment(self) -> Mapping[str, str]:
        # libfiu stands in for malloc as well, and locks itself up with threads that libraries start while they load
        quiet = {"JE_ARROW_MALLOC_CONF": "background_thread:false", "OPENBLAS_NUM_THREADS": "1"}
        return {"FIU_PRNG_SEED": str(self.seed), **quiet}

    def _points(self) -> list[str]:
        raise NotImplementedError


@dataclass(frozen=True)
class Short(_Preloaded):
    """Reads and writes move fewer bytes than asked for, as they may on pipes, over a network and when signals come."""

    def _points(self) -> list[str]:
        return [f"enable_random name=posix/io/rw/{name}/reduce,probability={self.probability}" for name in SHORT]


@dataclass(frozen=True)
class Flaky(_Preloaded):
    """What makes data durable, moves and removes it fails now and then."""

    error: str = "EIO"

    def _points(self) -> list[str]:
        info = f"probability={self.probability},failinfo={ERRORS[self.error]}"
        return [f"enable_random name=posix/io/{name},{info}" for name in FLAKY]


@dataclass(frozen=True)
class Limited(Fault):
    """No file may grow beyond `size` bytes: the kernel writes what fits, and fails after it."""

    size: int

    def before(self, log: Path) -> list[str]:
        del log
        return ["prlimit", f"--fsize={self.size}"]


@dataclass(frozen=True)
class KilledLater(Fault):
    """SIGKILL for all processes of the run at once, `seconds` after the file `sign` is there: a plug is pulled."""

    sign: Path
    seconds: float


@contextmanager
def small_disk(path: Path, size: int) -> Iterator[None]:
    """A small file system that really fills up: a tmpfs."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True, capture_output=True)


def missing_tools(directory: Path) -> str:
    """Return why faults cannot be put into processes here, nothing when they can."""
    probes: Sequence[tuple[str, list[str]]] = (
        ("strace", Failing("fsync", 1).before(directory / "probe.log")),
        ("fiu-utils", Short(0.1, 1).before(directory / "probe.log")),
        ("prlimit", Limited(1 << 30).before(directory / "probe.log")),
    )
    for name, before in probes:
        if not shutil.which(before[0]):
            return f"{before[0]} is not installed (tools/fault_tools.sh, or: apt-get install {name})"
        done = subprocess.run([*before, "true"], check=False, capture_output=True, text=True)
        if done.returncode:
            return f"{before[0]} does not work here: {done.stderr.strip()[-200:]}"
    return ""


def can_mount(directory: Path) -> bool:
    """Whether a file system can be mounted, which needs root and CAP_SYS_ADMIN."""
    if os.geteuid():
        return False
    try:
        with small_disk(directory / "probe", 1 << 16):
            return True
    except subprocess.CalledProcessError:
        return False

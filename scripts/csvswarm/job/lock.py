"""A lock of one process on a directory, released when the process ends, on NFS as well.

It is a POSIX record lock (fcntl), because that is what NFS clients and its server's own processes share: flock is
emulated by such a lock on a client, but not on the server. What follows from it:

- The kernel releases it when its holder ends, however that happens. A child does not inherit it: what a killed run
  leaves behind (attempts, a merger) writes files of its own by name, and needs no lock.
- A process loses it by closing any descriptor of the file. So a process opens the file once, and `_held` knows that.
- A board that loses its power cannot release it. The server of the share does when the board's lease has expired
  (15 s on a share made by the role nfs_server, 90 s elsewhere): a lock of another machine is waited for that long.
- After a reboot of the server, clients reclaim their locks and requests for others wait, both in the kernel.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csvswarm.errors import JobError, filename_in_errors
from csvswarm.job.durable_files import open_nonblocking

#: The file that is locked. It is the first file of a job directory, and so marks the directory as one of ours.
LOCK = "csvswarm.lock"
#: Seconds to wait for a holder on this machine, which the kernel may still be taking down, and on another machine.
WAIT_HERE, WAIT_ELSEWHERE = 2.0, 120.0
#: What file systems without locks answer.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
HOLDER_BYTES = 4096


@dataclass
class _HeldLock:
    """A lock of this process. depth: how many times its thread has taken it."""

    descriptor: int
    thread: int
    depth: int = 1


_held_locks: dict[Path, _HeldLock] = {}


class NoLocks(JobError):
    """The file system offers no locks."""


@contextmanager
def locked(directory: Path, what: str, *, removes: bool = False) -> Iterator[None]:
    """Hold the lock of a directory, which exists. what: which work is locked out, like "job demo".

    removes: whether the file is removed at the end. A thread may take a lock again that it holds.
    Raises JobError that names the holder when another process has the lock, and NoLocks when nobody can have one.
    """
    path = directory.resolve() / LOCK  # one name for one file: see above
    mine = _held_locks.get(path)
    if mine is not None and mine.thread == threading.get_ident():
        mine.depth += 1
        try:
            yield
        finally:
            mine.depth -= 1
        return
    if mine is not None:
        raise JobError(f"another thread of this process is working on {what}: wait until it ends.")
    descriptor = _acquire(path, what)
    _held_locks[path] = _HeldLock(descriptor, threading.get_ident())
    try:
        yield
    finally:
        del _held_locks[path]
        with suppress(OSError):
            if removes:
                path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path, what: str) -> int:
    """Return a descriptor of the file with the lock on it."""
    started = time.monotonic()
    while True:
        descriptor = _open(path)
        try:
            if _try_lock(descriptor, path) and _is_at(descriptor, path):
                _write_holder(descriptor)
                return descriptor
            holder = _read_holder(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        limit = WAIT_HERE if holder.get("boot", _boot_id()) == _boot_id() else WAIT_ELSEWHERE
        if time.monotonic() - started > limit:
            raise JobError(_refusal(holder, what))
        time.sleep(0.05 if limit == WAIT_HERE else 1)


def _open(path: Path) -> int:
    descriptor = open_nonblocking(path, os.O_RDWR | os.O_CREAT)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise JobError(f"{path} is not a regular file: remove it.")
    return descriptor


def _try_lock(descriptor: int, path: Path) -> bool:
    try:
        with filename_in_errors(path):
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.ESTALE):
            return False  # somebody has it; or another NFS client had, and has removed the file
        if error.errno in NO_LOCKS:
            raise NoLocks(
                f"the file system of {path.parent} offers no locks ({error.strerror}): put it on one that does. "
                "An NFS share must be mounted without nolock and local_lock."
            ) from error
        raise
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the locked file still has its name: who had it before may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _write_holder(descriptor: int) -> None:
    """Write down who holds the lock."""
    holder = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": time.time(),
        "step": Path(sys.argv[0]).name if sys.argv[0] else "python",
        "boot": _boot_id(),
    }
    with suppress(OSError):  # on a full disk the lock counts all the same
        data = json.dumps(holder).encode()
        os.pwrite(descriptor, data, 0)
        os.ftruncate(descriptor, len(data))
        # An NFS client sends what it has to write before it asks for a lock: now others can read who this is.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 1)


def _read_holder(descriptor: int) -> dict[str, Any]:
    try:
        holder = json.loads(os.pread(descriptor, HOLDER_BYTES, 0))
    except (OSError, ValueError, RecursionError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _refusal(holder: dict[str, Any], what: str) -> str:
    try:
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(float(holder["since"])))
        who = f"{holder['step']} is working on {what} on {holder['host']} (pid {holder['pid']}, since {since})"
    except (KeyError, TypeError, ValueError, OverflowError):
        who = f"another process is working on {what}"
    who = "".join(character if character.isprintable() else "?" for character in who)
    return f"{who}: wait until it ends, or end it; nothing was changed."


def _boot_id() -> str:
    """Identify this machine since its last boot, the same in all of its containers."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()

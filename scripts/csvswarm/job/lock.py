"""An exclusive lock of one process on a directory, on local disks and NFS, released when the process ends.

It is a POSIX record lock (fcntl), the only kind that NFS clients and processes on the server share: clients emulate
flock with it, the server does not. Consequences:

- The kernel releases the lock when its owner ends, for any reason. Children do not inherit it: what a killed run leaves
  running (attempts, a merger) writes only files with names of its own and needs no lock.
- Closing any descriptor of the file releases the lock. So a process opens the file once, see `_held_locks`.
- A board that loses power cannot release its lock. The NFS server does so when the board's lease expires (15 s with the
  role nfs_server, 90 s by default): a lock of another machine is awaited that long.
- After the server reboots, clients reclaim their locks before others are granted, all in the kernel.
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
from csvswarm.job.untrusted_files import open_nonblocking

#: The locked file. It is the first file of a job directory and so marks the directory as one.
LOCK = "csvswarm.lock"
#: Seconds to wait for an owner on this machine, which may still be exiting, and on another machine.
WAIT_HERE, WAIT_ELSEWHERE = 2.0, 120.0
#: Errors of file systems without locks.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
HOLDER_BYTES = 4096


@dataclass
class _HeldLock:
    """A lock of this process. depth: number of times that its thread has acquired it."""

    descriptor: int
    thread: int
    depth: int = 1


_held_locks: dict[Path, _HeldLock] = {}


class NoLocks(JobError):
    """The file system does not support locks."""


@contextmanager
def locked(directory: Path, what: str, *, removes: bool = False) -> Iterator[None]:
    """Lock an existing directory. The lock is reentrant within a thread.

    what: the locked work for messages, like "job demo". removes: whether to remove the lock file at the end.
    Raises JobError that names the owner if another process has the lock, and NoLocks if the file system has none.
    """
    path = directory.resolve() / LOCK  # one key per file: see above
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
    """Return a descriptor of the locked file."""
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
            return False  # locked by another process; or removed by another NFS client
        if error.errno in NO_LOCKS:
            raise NoLocks(
                f"the file system of {path.parent} does not support locks ({error.strerror}): use another one. "
                "An NFS share must be mounted without nolock and local_lock."
            ) from error
        raise
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the locked file still has its name: the previous owner may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _write_holder(descriptor: int) -> None:
    """Record the owner of the lock."""
    holder = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": time.time(),
        "step": Path(sys.argv[0]).name if sys.argv[0] else "python",
        "boot": _boot_id(),
    }
    with suppress(OSError):  # the lock is valid on a full disk as well
        data = json.dumps(holder).encode()
        os.pwrite(descriptor, data, 0)
        os.ftruncate(descriptor, len(data))
        # An NFS client flushes its writes before it requests a lock: now other clients can read the owner.
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
    """Return an id of this machine's current boot, which is the same in all its containers."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()

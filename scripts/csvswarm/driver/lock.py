"""The lock that allows one driver at a time to work on a job."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from csvswarm.job.lock import LOCK, NO_LOCKS
from csvswarm.job.untrusted_files import Damaged, open_nonblocking

#: The byte that drivers lock in the lock file of a job. The scripts, which a driver starts, lock the first two.
_BYTE = 2
_RETRY_DELAY = 1.0
_BUSY = (errno.EACCES, errno.EAGAIN, errno.ESTALE)


@contextmanager
def driver_lock(directory: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Lock a job directory for one driver; wait for another driver without limit.

    It is a POSIX lock (see csvswarm.job.lock): it ends with its process, and on NFS with the lease of a board that lost
    its power. on_wait: called once if another driver has it.
    """
    descriptor = _try_lock(directory / LOCK)
    if descriptor is None:
        on_wait()
    while descriptor is None:
        time.sleep(_RETRY_DELAY)
        descriptor = _try_lock(directory / LOCK)
    try:
        yield
    finally:
        os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    descriptor = open_nonblocking(path, os.O_RDWR | os.O_CREAT)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Damaged(f"{path.name} is not a regular file")
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _BYTE)
        if os.path.samestat(os.fstat(descriptor), path.lstat()):
            return descriptor
    except OSError as error:
        if error.errno in NO_LOCKS:
            os.close(descriptor)
            raise Damaged(f"the file system of {path.parent} has no locks: mount the share without nolock") from error
        if error.errno not in (*_BUSY, errno.ENOENT):
            os.close(descriptor)
            raise
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None

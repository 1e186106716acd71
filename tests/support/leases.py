"""A file with a lease of another process, as an NFS server has one for a client with a write delegation."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def leased(path: Path) -> Iterator[None]:
    """Lease a file for writing in another process, which returns the lease when the kernel requests it."""
    ready, report = os.pipe()
    child = os.fork()
    if not child:
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
            # A lease is granted only if no other process has the file open.
            file = os.open(path, os.O_RDONLY)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            os.write(report, b"1")
            signal.sigwait([signal.SIGIO])
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        finally:
            os._exit(0)
    os.close(report)
    try:
        assert os.read(ready, 1) == b"1", "the kernel grants no lease here"
        yield
    finally:
        os.close(ready)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

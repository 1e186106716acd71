"""A file that somebody else has a lease on, as an NFS server has for a client with a write delegation."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def leased(path: Path) -> Iterator[None]:
    """Have another process hold a write lease on a file; it gives the lease back when the kernel asks for it."""
    ready, report = os.pipe()
    child = os.fork()
    if not child:
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
            # A lease is granted only while nobody else has the file open.
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

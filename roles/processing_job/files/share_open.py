"""Let the user who has called sudo read the result of a job, run on the server as: python3 share_open.py FOLDER.

Runs with the rights of the jobs' owner alone, to whom the folder and all in it belong: whatever that user puts into it,
nothing but that user's own files can be opened here. Anybody else than the two is shut out. Prints the user's id.
Nothing but the standard library.
"""

from __future__ import annotations

import os
import stat
import struct
import sys
import time
from contextlib import suppress

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Neither a link nor a pipe or device can stop or mislead who opens a file so.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: Seconds in which an NFS client must return a delegation; the kernel itself waits for 45.
RECALL_TIMEOUT = 60


def open_file(name: str, at: int | None = None) -> int:
    """Open a file for reading without following a link or waiting for a pipe, and return its descriptor.

    On the server of the share, a file that an NFS client has a delegation for cannot be opened at once: the kernel
    answers EAGAIN and recalls the delegation, so the open is retried.
    """
    deadline = 0.0
    while True:
        try:
            return os.open(name, FILE, dir_fd=at)
        except BlockingIOError:
            deadline = deadline or time.monotonic() + RECALL_TIMEOUT
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def access_list(user: int, *, folder: bool) -> bytes:
    """Return a POSIX access list: all for the owner, to read for a user, nothing for anybody else."""
    full, read = (7, 5) if folder else (6, 4)
    anybody = 0xFFFFFFFF
    entries = ((0x01, full, anybody), (0x02, read, user), (0x04, 0, anybody), (0x10, read, anybody), (0x20, 0, anybody))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def let_read(handle: int, user: int) -> None:
    """Let a user read an open file, or an open folder and all files below it. Anything else stays as it is."""
    kind = os.fstat(handle).st_mode
    if not (stat.S_ISDIR(kind) or stat.S_ISREG(kind)):
        return
    os.setxattr(handle, "system.posix_acl_access", access_list(user, folder=stat.S_ISDIR(kind)))
    for name in os.listdir(handle) if stat.S_ISDIR(kind) else []:
        # A link, or gone by now: that the result is whole is checked by who fetches it.
        with suppress(OSError):
            below = open_file(name, handle)
            try:
                let_read(below, user)
            finally:
                os.close(below)


def main(folder: str) -> None:
    """Open the result."""
    user = int(os.environ.get("SUDO_UID", "0"))
    if user not in (0, os.geteuid()):
        try:
            let_read(os.open(folder, FOLDER), user)
        except OSError as error:
            sys.exit(f"user id {user} cannot be allowed to read the result: {error}")
    print(user)


if __name__ == "__main__":
    main(sys.argv[1])

"""Who may read what a job writes: nobody who may not read its input."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: For an input whose permissions are not known here: one that the user put on the share.
PRIVATE = 0o600
#: Nothing but the umask decides.
ANYONE = 0o777
_OTHERS = 0o077


def permissions_of(path: Path) -> int:
    """Return the permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def no_wider_than(permissions: int) -> Iterator[None]:
    """Let new files and directories have no permission for group and others that `permissions` lacks.

    For a directory, the permission to search comes with the permission to read. Holds for this process and for those
    it forks, in addition to its umask.
    """
    before = os.umask(_OTHERS)
    others = permissions & _OTHERS
    os.umask(before | (_OTHERS & ~(others | (others & 0o044) >> 2)))
    try:
        yield
    finally:
        os.umask(before)

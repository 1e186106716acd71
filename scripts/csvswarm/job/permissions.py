"""Limits the permissions of a job's files to those of its input."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import reduce
from operator import and_
from pathlib import Path

#: For an input of unknown permissions, such as one already on the share.
PRIVATE = 0o600
#: No limit besides the umask.
ANYONE = 0o777
_OTHERS = 0o077


def permissions_of(path: Path) -> int:
    """Return the permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def common_permissions(paths: Iterable[Path]) -> int:
    """Return the permission bits that all of these files have."""
    return reduce(and_, map(permissions_of, paths))


@contextmanager
def no_wider_than(permissions: int) -> Iterator[None]:
    """Deny new files and directories the group and other permissions that `permissions` lacks.

    On directories, search permission follows read permission. Applies to this process and its forks, in addition to the
    umask.
    """
    before = os.umask(_OTHERS)
    others = permissions & _OTHERS
    os.umask(before | (_OTHERS & ~(others | (others & 0o044) >> 2)))
    try:
        yield
    finally:
        os.umask(before)

"""Reads and removes files in directories that others may write to.

A processor owns its job directory: any name in it may be a link, a FIFO, a folder, huge, or replaced at any time.
processing_job_untrusted_files.py reads such files.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

from ansible.module_utils import processing_job_untrusted_files as untrusted
from ansible.module_utils.processing_job_text import printable_line
from ansible.module_utils.processing_job_untrusted_files import Damaged, open_directory, open_nonblocking

#: Maximum values and bytes of one JSON file. A manifest has about 16 values and 250 bytes for each chunk.
BYTES = 16_000_000
#: Ten million entries are removed at most.
PASSES = 10_000


def open_file(name: str, at: int | None = None) -> int:
    """Open a file for reading without following a link or waiting for a pipe, and return its descriptor."""
    descriptor: int = open_nonblocking(name, os.O_RDONLY | os.O_NOCTTY, at=at)
    return descriptor


def read_json(name: str, at: int, limit: int = BYTES, owner: int | None = None) -> dict[str, Any]:
    """Return the JSON object in a regular file, as `untrusted.read_json`. Raises Damaged for surrogates, too."""
    found: dict[str, Any] = untrusted.read_json(name, at, limit, owner)
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except ValueError as error:
        raise Damaged(f"{printable_line(name)} is not JSON ({printable_line(str(error))})") from None
    return found


@contextmanager
def acting_as(owner: int | None) -> Iterator[None]:
    """Act as a user and the group with the same id, without root's rights. None: as the current user."""
    if owner is None or os.geteuid() != 0:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    os.setgroups([])
    os.setegid(owner)
    os.seteuid(owner)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def empty(at: int) -> None:
    """Remove the content of an open directory, and follow no link on the way.

    The directories in a directory move up here before it is removed: whatever the depth, two directories are open.
    Raises OSError, and Damaged when entries appear as fast as they are removed.
    """
    for entry in _each(at):
        if not entry.is_dir(follow_symlinks=False):
            _unlink(entry.name, at)
            continue
        _open_up(entry.name, at)
        with open_directory(entry.name, at) as inner:
            for below in _each(inner):
                if below.is_dir(follow_symlinks=False):
                    _open_up(below.name, inner)  # a directory must be writable to be moved
                    os.rename(below.name, f".removed-{secrets.token_hex(8)}", src_dir_fd=inner, dst_dir_fd=at)
                else:
                    _unlink(below.name, inner)
        os.rmdir(entry.name, dir_fd=at)


def remove_folder(name: str, at: int, owner: int | None) -> None:
    """Remove a directory with its contents: the contents as `owner`, the directory as the current user.

    Of a link, only the link is removed, not its target. Raises FileNotFoundError, Damaged for a file, and OSError.
    """
    if stat.S_ISLNK(os.lstat(name, dir_fd=at).st_mode):
        os.unlink(name, dir_fd=at)
        return
    with acting_as(owner), suppress(PermissionError):
        _open_up(name, at)
    with acting_as(owner), open_directory(name, at) as opened:
        empty(opened)
    os.rmdir(name, dir_fd=at)


def _each(at: int) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of a directory until it has none: the caller must remove each one."""
    for _ in range(PASSES):
        with os.scandir(at) as found:
            listed = list(islice(found, 1000))
        if not listed:
            return
        yield from listed
    raise Damaged("entries appear as fast as they are removed: something still runs for the job")


def _unlink(name: str, at: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=at)


def _open_up(name: str, at: int) -> None:
    """Give a directory's owner all rights to it.

    chmod would follow a link that replaces the directory. This runs as the owner of the share, who may do so anyway.
    """
    if stat.S_IMODE(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode) & stat.S_IRWXU != stat.S_IRWXU:
        os.chmod(name, stat.S_IRWXU, dir_fd=at)

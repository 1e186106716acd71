"""Read and remove files in directories that others may write to, as root may have to.

A processor owns its job directory: any name in it may be a link, a FIFO, a folder, huge, or replaced at any time. So
every file is opened relative to an open directory, without following a link and without waiting, and used only when it
is a regular file of a bounded size. Raises Damaged for everything else.
"""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

from ansible.module_utils.processing_job_text import printable_line

MEGABYTE = 1_000_000
#: Of one JSON file. A manifest has about 16 values and 250 bytes for each chunk.
BYTES, VALUES, DEPTH = 16 * MEGABYTE, 1_000_000, 64
#: Entries that are read of one directory.
ENTRIES = 200_000
#: Of a log, its end.
TAIL = 65_536
#: Ten million entries are removed at most.
PASSES = 10_000
#: Seconds in which an NFS client must return a delegation; the kernel itself waits for 45.
RECALL_TIMEOUT = 60
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_REASONS = {
    errno.ELOOP: "is a symbolic link",
    errno.ENOTDIR: "is not a directory",
    errno.ENXIO: "is not a regular file",
}


class Damaged(Exception):
    """A job directory's content is not what csvswarm writes. The message names the file and what is wrong with it."""


def open_file(name: str, at: int | None = None) -> int:
    """Open a file for reading without following a link or waiting for a pipe, and return its descriptor.

    On the server of the share, a file that an NFS client has a delegation for cannot be opened at once: the kernel
    answers EAGAIN and recalls the delegation, so the open is retried.
    """
    deadline = 0.0
    while True:
        try:
            return os.open(name, _FILE, dir_fd=at)
        except BlockingIOError:
            deadline = deadline or time.monotonic() + RECALL_TIMEOUT
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@contextmanager
def acting_as(owner: int | None) -> Iterator[None]:
    """Act as a user and the group of the same number, without root's rights. None: as who runs this."""
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


@contextmanager
def folder(name: str, at: int | None = None) -> Iterator[int]:
    """Open a directory. Raises FileNotFoundError when there is none, Damaged when a link or a file has its name."""
    try:
        opened = os.open(name, _FOLDER, dir_fd=at)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"{printable_line(name)} {_reason(error, at, name)}") from None
    try:
        yield opened
    finally:
        os.close(opened)


def entries(at: int, limit: int = ENTRIES) -> list[os.DirEntry[str]]:
    """Return the entries of an open directory. Raises Damaged when there are more than `limit`."""
    with os.scandir(at) as found:
        listed = list(islice(found, limit + 1))
    if len(listed) > limit:
        raise Damaged(f"a directory has more than {limit:,} entries")
    return listed


@contextmanager
def regular(name: str, at: int) -> Iterator[tuple[int, os.stat_result]]:
    """Open a regular file for reading. Raises FileNotFoundError without one, Damaged when it is anything else."""
    try:
        opened = open_file(name, at)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"{printable_line(name)} {_reason(error, at, name)}") from None
    try:
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode):
            raise Damaged(f"{printable_line(name)} is not a regular file")
        yield opened, status
    finally:
        os.close(opened)


def read(name: str, at: int, limit: int = BYTES, owner: int | None = None) -> bytes:
    """Return the content of a regular file.

    Raises FileNotFoundError, and Damaged when it has more than `limit` bytes or belongs to another user than `owner`.
    """
    with regular(name, at) as (opened, status):
        if owner is not None and {status.st_uid, os.fstat(at).st_uid} != {owner}:
            raise Damaged(f"{printable_line(name)} belongs to another user")
        data = b"" if status.st_size > limit else _read_up_to(opened, limit + 1)
    if max(status.st_size, len(data)) > limit:
        raise Damaged(f"{printable_line(name)} has more than {limit:,} bytes")
    return data


def read_tail(name: str, at: int, limit: int = TAIL) -> str:
    """Return the last bytes of a regular file as text. Raises FileNotFoundError and Damaged."""
    with regular(name, at) as (opened, status):
        os.lseek(opened, max(0, status.st_size - limit), os.SEEK_SET)
        return _read_up_to(opened, limit).decode(errors="replace")


def read_json(name: str, at: int, limit: int = BYTES, owner: int | None = None) -> dict[str, Any]:
    """Return the JSON object in a regular file.

    Raises FileNotFoundError, and Damaged for a file that is no such object or that is larger or deeper than any that
    csvswarm writes.
    """
    data = read(name, at, limit, owner)
    if sum(map(data.count, (b"[", b"{", b","))) > VALUES:
        raise Damaged(f"{printable_line(name)} has more than {VALUES:,} values")
    try:
        found = json.loads(data, parse_constant=_no_number, parse_float=_number)
        if not isinstance(found, dict) or _depth(found) > DEPTH:
            raise Damaged(f"{printable_line(name)} is not a JSON object of at most {DEPTH} levels")
        json.dumps(found, ensure_ascii=False).encode()  # raises for half of a character
    except RecursionError:
        raise Damaged(f"{printable_line(name)} has more than {DEPTH} levels") from None
    except (ValueError, MemoryError) as error:
        raise Damaged(f"{printable_line(name)} is not JSON ({printable_line(str(error))})") from None
    return found


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
        with folder(entry.name, at) as inner:
            for below in _each(inner):
                if below.is_dir(follow_symlinks=False):
                    _open_up(below.name, inner)  # a directory that moves has to be writable
                    os.rename(below.name, f".removed-{secrets.token_hex(8)}", src_dir_fd=inner, dst_dir_fd=at)
                else:
                    _unlink(below.name, inner)
        os.rmdir(entry.name, dir_fd=at)


def remove_folder(name: str, at: int, owner: int | None) -> None:
    """Remove a directory and all in it: its content as `owner`, the directory as who runs this.

    A link is removed, and what it points to stays. Raises FileNotFoundError, Damaged for a file, and OSError.
    """
    if stat.S_ISLNK(os.lstat(name, dir_fd=at).st_mode):
        os.unlink(name, dir_fd=at)
        return
    with acting_as(owner), suppress(PermissionError):
        _open_up(name, at)
    with acting_as(owner), folder(name, at) as opened:
        empty(opened)
    os.rmdir(name, dir_fd=at)


def _each(at: int) -> Iterator[os.DirEntry[str]]:
    """Return the entries of a directory until it has none: who takes one has to remove it."""
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

    chmod follows a link that takes its place just now. This runs as the owner of the share, who may do so anyway.
    """
    if stat.S_IMODE(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode) & stat.S_IRWXU != stat.S_IRWXU:
        os.chmod(name, stat.S_IRWXU, dir_fd=at)


def _read_up_to(opened: int, limit: int) -> bytes:
    parts, left = [], limit
    while left and (part := os.read(opened, min(left, MEGABYTE))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _reason(error: OSError, at: int | None, name: str) -> str:
    if error.errno == errno.ENOTDIR:  # raised for a link too when a directory is wanted
        with suppress(OSError):
            if stat.S_ISLNK(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
                return _REASONS[errno.ELOOP]
    return _REASONS.get(error.errno or 0, f"cannot be read: {error.strerror}")


def _depth(value: object) -> int:
    deepest, todo = 0, [(value, 1)]
    while todo:
        one, depth = todo.pop()
        deepest = max(deepest, depth)
        inside = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        todo += [(each, depth + 1) for each in inside if isinstance(each, dict | list)]
    return deepest


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number

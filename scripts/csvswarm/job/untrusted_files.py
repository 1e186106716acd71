"""Read files of directories that others may write to, as a processor to its job directory, as data and within limits.

Any name in it may be a symlink, a pipe, a directory, huge, or replaced at any time. So every file is opened relative to
an open directory, without following a link and without waiting, and read only when it is a regular file of a bounded
size. Everything else raises Damaged. The size of the JSON values is bounded too: a parser needs much more memory than
the text.

Ansible sends this file to boards, too, where csvswarm is not installed.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

try:
    from csvswarm.printable import printable_line
except ModuleNotFoundError:
    from ansible.module_utils.processing_job_text import printable_line  # type: ignore[no-redef]  # the same file

MAX_VALUES, MAX_DEPTH = 1_000_000, 64
#: Entries of one directory.
MAX_ENTRIES = 200_000
#: The end of a log.
TAIL_BYTES = 65_536
#: Seconds in which an NFS client must return a delegation; the kernel itself waits for 45.
RECALL_TIMEOUT = 60
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REASONS = {
    errno.ELOOP: "is a symbolic link",
    errno.ENOTDIR: "is not a directory",
    errno.ENXIO: "is not a regular file",
}


class Damaged(Exception):
    """A file of the job is not what csvswarm writes. The message names the file and what is wrong with it."""


def open_nonblocking(path: str | os.PathLike[str], flags: int, mode: int = 0o600, at: int | None = None) -> int:
    """Open a file without following a link or waiting for a pipe, and return its descriptor.

    at: an open directory that a relative path starts in.

    On the server of an NFS share, a file that a client has a delegation for cannot be opened at once: the kernel
    answers EAGAIN and recalls the delegation, so the open is retried.
    """
    deadline = 0.0
    while True:
        try:
            return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode, dir_fd=at)
        except BlockingIOError:
            deadline = deadline or time.monotonic() + RECALL_TIMEOUT
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@contextmanager
def open_directory(name: str | os.PathLike[str], at: int | None = None) -> Iterator[int]:
    """Open a directory. Raises FileNotFoundError when there is none, Damaged when a link or a file has its name."""
    try:
        opened = os.open(name, _DIRECTORY, dir_fd=at)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"{printable_line(os.fspath(name))} {_reason(error, at, name)}") from None
    try:
        yield opened
    finally:
        os.close(opened)


def entries_in(at: int, limit: int = MAX_ENTRIES) -> list[os.DirEntry[str]]:
    """Return the entries of an open directory. Raises Damaged when there are more than `limit`."""
    with os.scandir(at) as found:
        entries = list(islice(found, limit + 1))
    if len(entries) > limit:
        raise Damaged(f"a directory has more than {limit:,} entries")
    return entries


def names_in(at: int) -> list[str]:
    """Return the names in an open directory. Raises Damaged as `entries_in`."""
    return [entry.name for entry in entries_in(at)]


@contextmanager
def _regular(name: str, at: int) -> Iterator[tuple[int, os.stat_result]]:
    """Open a regular file; yield its descriptor and status."""
    try:
        opened = open_nonblocking(name, os.O_RDONLY | os.O_NOCTTY, at=at)
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


def read_json(name: str, at: int, max_bytes: int, owner: int | None = None) -> dict[str, Any]:
    """Return the JSON object in a regular file of an open directory.

    owner: the user that the file and the directory must belong to, None for anybody. Raises FileNotFoundError, and
    Damaged for a file that is no such object, or is larger or deeper than any that csvswarm writes.
    """
    with _regular(name, at) as (opened, status):
        if owner is not None and {status.st_uid, os.fstat(at).st_uid} != {owner}:
            raise Damaged(f"{printable_line(name)} belongs to another user")
        data = b"" if status.st_size > max_bytes else _read_up_to(opened, max_bytes + 1)
    if max(status.st_size, len(data)) > max_bytes:
        raise Damaged(f"{printable_line(name)} has more than {max_bytes:,} bytes")
    if sum(map(data.count, (b"[", b"{", b","))) > MAX_VALUES:
        raise Damaged(f"{printable_line(name)} has more than {MAX_VALUES:,} values")
    try:
        value = json.loads(data, parse_constant=_no_number, parse_float=_finite)
        if not isinstance(value, dict) or _depth(value) > MAX_DEPTH:
            raise Damaged(f"{printable_line(name)} is not a JSON object of at most {MAX_DEPTH} levels")
    except RecursionError:
        raise Damaged(f"{printable_line(name)} has more than {MAX_DEPTH} levels") from None
    except (ValueError, MemoryError) as error:
        raise Damaged(f"{printable_line(name)} is not JSON ({printable_line(str(error))})") from None
    return value


def read_tail(name: str, at: int) -> str:
    """Return the last bytes of a regular file as text. Raises FileNotFoundError and Damaged."""
    with _regular(name, at) as (opened, status):
        os.lseek(opened, max(0, status.st_size - TAIL_BYTES), os.SEEK_SET)
        return _read_up_to(opened, TAIL_BYTES).decode(errors="replace")


def newest_files(names: list[str], at: int) -> list[str]:
    """Return those of these names that are regular files, the one written last first."""
    written: dict[str, float] = {}
    for name in names:
        with suppress(FileNotFoundError):
            status = os.stat(name, dir_fd=at, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                written[name] = status.st_mtime
    return sorted(written, key=lambda name: -written[name])


def _read_up_to(opened: int, limit: int) -> bytes:
    parts, left = [], limit
    while left and (part := os.read(opened, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _reason(error: OSError, at: int | None, name: str | os.PathLike[str]) -> str:
    if error.errno == errno.ENOTDIR:  # reported for a link too when a directory is wanted
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
    raise ValueError(f"{text} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number

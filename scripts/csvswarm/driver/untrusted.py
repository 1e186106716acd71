"""Read files of a job directory, which its processor owns, as data and within limits.

Any name in it may be a symlink, a pipe, a directory, huge, or replaced at any time. So every file is opened relative to
an open directory, without following a link and without waiting, and read only when it is a regular file of a bounded
size. Everything else raises Damaged. The size of the JSON values is bounded too: a parser needs much more memory than
the text.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

from csvswarm.errors import printable
from csvswarm.job.durable_files import open_nonblocking

MAX_VALUES, MAX_DEPTH = 1_000_000, 64
#: Entries of one directory.
MAX_ENTRIES = 200_000
#: The end of a log.
TAIL_BYTES = 65_536
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REASONS = {
    errno.ELOOP: "is a symbolic link",
    errno.ENOTDIR: "is not a directory",
    errno.ENXIO: "is not a regular file",
}


class Damaged(Exception):
    """A file of the job is not what csvswarm writes. The message names the file and what is wrong with it."""


def one_line(text: str) -> str:
    r"""Return text that comes from elsewhere as one line: control characters, \n and \t included, are escaped."""
    return printable(text).replace("\n", "\\x0a").replace("\t", "\\x09")


@contextmanager
def open_directory(name: str | os.PathLike[str], at: int | None = None) -> Iterator[int]:
    """Open a directory. Raises FileNotFoundError when there is none, Damaged when a link or a file has its name."""
    try:
        opened = os.open(name, _DIRECTORY, dir_fd=at)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"{one_line(os.fspath(name))} {_reason(error, at, name)}") from None
    try:
        yield opened
    finally:
        os.close(opened)


def names_in(at: int) -> list[str]:
    """Return the names in an open directory. Raises Damaged when there are more than any job has."""
    with os.scandir(at) as found:
        names = [entry.name for entry in islice(found, MAX_ENTRIES + 1)]
    if len(names) > MAX_ENTRIES:
        raise Damaged(f"a directory of the job has more than {MAX_ENTRIES:,} entries")
    return names


@contextmanager
def _regular(name: str, at: int) -> Iterator[tuple[int, int]]:
    """Open a regular file; yield its descriptor and size in bytes."""
    try:
        opened = open_nonblocking(name, os.O_RDONLY | os.O_NOCTTY, at=at)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"{one_line(name)} {_reason(error, at, name)}") from None
    try:
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode):
            raise Damaged(f"{one_line(name)} is not a regular file")
        yield opened, status.st_size
    finally:
        os.close(opened)


def read_json(name: str, at: int, max_bytes: int) -> dict[str, Any]:
    """Return the JSON object in a regular file of an open directory.

    Raises FileNotFoundError, and Damaged for a file that is no such object, or is larger or deeper than any of ours.
    """
    with _regular(name, at) as (opened, size):
        data = b"" if size > max_bytes else _read_up_to(opened, max_bytes + 1)
    if max(size, len(data)) > max_bytes:
        raise Damaged(f"{one_line(name)} has more than {max_bytes:,} bytes")
    if sum(map(data.count, (b"[", b"{", b","))) > MAX_VALUES:
        raise Damaged(f"{one_line(name)} has more than {MAX_VALUES:,} values")
    try:
        value = json.loads(data, parse_constant=_no_number, parse_float=_finite)
        if not isinstance(value, dict) or _depth(value) > MAX_DEPTH:
            raise Damaged(f"{one_line(name)} is not a JSON object of at most {MAX_DEPTH} levels")
    except RecursionError:
        raise Damaged(f"{one_line(name)} has more than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise Damaged(f"{one_line(name)} is not JSON ({one_line(str(error))})") from None
    return value


def read_tail(name: str, at: int) -> str:
    """Return the last bytes of a regular file as text. Raises FileNotFoundError and Damaged."""
    with _regular(name, at) as (opened, size):
        os.lseek(opened, max(0, size - TAIL_BYTES), os.SEEK_SET)
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

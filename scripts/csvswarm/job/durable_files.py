"""Write files whole or not at all, and on disk when it counts; read files that somebody else may have replaced."""

from __future__ import annotations

import errno
import json
import os
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from csvswarm.errors import JobError, naming

START_OVER = "remove the job's directory and start the job again."
#: A file of a job that is larger than this is none of ours: a job of 10 TB has a manifest of 25 MB.
MAX_JSON_BYTES = 256 << 20
#: Seconds in which an NFS client must return a delegation; the kernel itself waits for 45.
RECALL_TIMEOUT = 60


def new_token() -> str:
    """Return a name that no other process uses."""
    return uuid.uuid4().hex[:12]


def write_durably(path: Path, data: bytes) -> None:
    """Write a file that is on disk when this returns. Readers may see a part of it before."""
    write_whole(path, data, durable=True)


def write_whole(path: Path, data: bytes, *, durable: bool) -> None:
    """Write a file. durable: whether it is on disk when this returns."""
    with naming(path), path.open("wb") as file:
        file.write(data)
        file.flush()
        if durable:
            os.fsync(file.fileno())


@contextmanager
def written_aside(path: Path, owner: str = "") -> Iterator[tuple[Path, BinaryIO]]:
    """Yield a new file beside `path` to write to, under a name nobody else has; it is on disk at the end.

    owner: goes into the name, so that what a kill leaves can be told from a stranger's file. The caller renames it;
    where it does not, the file is removed.
    """
    aside = path.with_name(f".{path.name}.{owner}{'.' * bool(owner)}{new_token()}")
    try:
        with naming(aside), aside.open("xb") as file:
            yield aside, file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def replace(aside: Path, path: Path) -> None:
    """Rename a file to its final name, durably. Removes it when that fails."""
    try:
        aside.replace(path)
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_json(path: Path, data: dict[str, Any], owner: str = "") -> None:
    """Write a JSON file beside its name, then rename: readers see all of it or nothing. owner: see written_aside."""
    with written_aside(path, owner) as (aside, file):
        file.write(json.dumps(data, indent=1).encode())
    replace(aside, path)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with naming(directory):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- reading what somebody may have replaced ---------------------------------------------------------------------------


class NotRegular(OSError):
    """A link, a pipe, a device or a directory where a regular file belongs."""


def open_nonblocking(path: Path | str, flags: int, mode: int = 0o600, at: int | None = None) -> int:
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


def open_regular(path: Path) -> FileIO:
    """Open a regular file for reading, without a buffer. Never follows a link and never waits for a pipe.

    Raises NotRegular when the name belongs to anything else, FileNotFoundError when there is no such name.
    """
    try:
        descriptor = open_nonblocking(path, os.O_RDONLY)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise NotRegular(error.errno, "not a regular file", str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegular(errno.EINVAL, "not a regular file", str(path))
    return FileIO(descriptor)


def read_regular(path: Path, most: int = MAX_JSON_BYTES) -> bytes:
    """Return the bytes of a regular file. Raises NotRegular, also for one of more than `most` bytes."""
    with naming(path), open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise NotRegular(errno.EFBIG, f"larger than {most} bytes", str(path))
        pieces, size = [], 0
        while piece := file.read(min(1 << 20, most + 1 - size)):
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise NotRegular(errno.EFBIG, f"larger than {most} bytes", str(path))
        return b"".join(pieces)


def read_json(path: Path, remedy: str = START_OVER, most: int = MAX_JSON_BYTES) -> dict[str, Any] | None:
    """Return the object in a JSON file of at most `most` bytes, None when there is no such file.

    Raises JobError, with the remedy, when it is damaged or not a regular file.
    """
    try:
        data = json.loads(read_regular(path, most))
    except FileNotFoundError:
        return None
    except NotRegular as error:
        raise _damaged(path, error.strerror, remedy) from error
    except RecursionError as error:
        raise _damaged(path, "nested too deeply", remedy) from error
    except ValueError as error:
        raise _damaged(path, error, remedy) from error
    if not isinstance(data, dict):
        raise _damaged(path, "no JSON object", remedy)
    return data


@contextmanager
def shaped(path: Path, remedy: str = START_OVER) -> Iterator[None]:
    """Call a file damaged whose fields are not those it should have."""
    try:
        yield
    except (TypeError, KeyError, ValueError, AttributeError, IndexError) as error:
        raise _damaged(path, error, remedy) from error


def _damaged(path: Path, why: object, remedy: str) -> JobError:
    return JobError(f"{path} is damaged ({why}): {remedy}")

"""Writes files atomically and durably; reads files that others may have replaced."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from csvswarm.errors import JobError, filename_in_errors
from csvswarm.job.untrusted_files import open_nonblocking

START_OVER = "remove the job's directory and restart the job."
#: Maximum bytes of a job file: a job of 10 TB has a manifest of 25 MB.
MAX_JSON_BYTES = 256 << 20


def new_token() -> str:
    """Return a unique name."""
    return os.urandom(6).hex()


def write_durably(path: Path, data: bytes) -> None:
    """Write a file durably. Readers may see part of it before this returns."""
    write_file(path, data, durable=True)


def write_file(path: Path, data: bytes, *, durable: bool) -> None:
    """Write a file. durable: whether it is on disk on return."""
    with filename_in_errors(path), path.open("wb") as file:
        file.write(data)
        file.flush()
        if durable:
            os.fsync(file.fileno())


@contextmanager
def temporary_file(path: Path, owner: str = "") -> Iterator[tuple[Path, BinaryIO]]:
    """Yield a new file beside `path`, with a unique name; it is on disk at the end.

    owner: part of the name, so that leftovers of a kill can be recognized. The caller renames the file; if an error is
    raised, it is removed.
    """
    temporary = path.with_name(f".{path.name}.{owner}{'.' * bool(owner)}{new_token()}")
    try:
        with filename_in_errors(temporary), temporary.open("xb") as file:
            yield temporary, file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def replace_durably(temporary: Path, path: Path) -> None:
    """Rename a file to its final name, durably. Removes it on failure."""
    try:
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_json(path: Path, data: dict[str, Any], owner: str = "") -> None:
    """Write a JSON file atomically and durably. owner: see temporary_file."""
    with temporary_file(path, owner) as (temporary, file):
        file.write(json.dumps(data, indent=1).encode())
    replace_durably(temporary, path)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with filename_in_errors(directory):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- reading files that others may have replaced -----------------------------------------------------------------------


class NotRegular(OSError):
    """A symlink, FIFO, device or directory in place of a regular file."""


def open_regular(path: Path) -> FileIO:
    """Open a regular file for reading, unbuffered, without following a symlink or waiting for a FIFO.

    Raises NotRegular for anything else, FileNotFoundError if the file does not exist.
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


def read_regular(path: Path, max_bytes: int = MAX_JSON_BYTES) -> bytes:
    """Return the bytes of a regular file. Raises NotRegular, also if it has more than `max_bytes`."""
    with filename_in_errors(path), open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > max_bytes:
            raise NotRegular(errno.EFBIG, f"larger than {max_bytes} bytes", str(path))
        pieces, size = [], 0
        while piece := file.read(min(1 << 20, max_bytes + 1 - size)):
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise NotRegular(errno.EFBIG, f"larger than {max_bytes} bytes", str(path))
        return b"".join(pieces)


def read_json(path: Path, remedy: str = START_OVER, max_bytes: int = MAX_JSON_BYTES) -> dict[str, Any] | None:
    """Return the object in a JSON file of at most `max_bytes`, None if the file does not exist.

    Raises JobError, with the remedy, if it is damaged or not a regular file.
    """
    try:
        data = json.loads(read_regular(path, max_bytes))
    except FileNotFoundError:
        return None
    except NotRegular as error:
        raise _damaged(path, error.strerror, remedy) from error
    except RecursionError as error:
        raise _damaged(path, "nested too deeply", remedy) from error
    except ValueError as error:
        raise _damaged(path, error, remedy) from error
    if not isinstance(data, dict):
        raise _damaged(path, "not a JSON object", remedy)
    return data


@contextmanager
def checked_fields(path: Path, remedy: str = START_OVER) -> Iterator[None]:
    """Report a file as damaged if reading its fields fails."""
    try:
        yield
    except (TypeError, KeyError, ValueError, AttributeError, IndexError) as error:
        raise _damaged(path, error, remedy) from error


def _damaged(path: Path, why: object, remedy: str) -> JobError:
    return JobError(f"{path} is damaged ({why}): {remedy}")

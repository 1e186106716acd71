"""The log of an attempt in a container, kept in the job directory if it fails."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from csvswarm.errors import printable

LINE_BYTES = 4096


@contextmanager
def attempt_log(path: Path) -> Iterator[list[int]]:
    """Write standard error to `path` as well, and remove that file if the attempt succeeds.

    Yields a list to which the caller appends the exit code. Terminal controls are escaped at the end, because a
    processor or a library may print anything. A killed process leaves what it has written. If the file cannot be
    created, standard error is not redirected.
    """
    codes: list[int] = []
    sys.stderr.flush()
    original = os.dup(2)
    try:
        log = path.open("wb", buffering=0)
    except OSError:
        yield codes
        return
    os.dup2(log.fileno(), 2)
    try:
        yield codes
    except BaseException:
        with suppress(OSError):
            traceback.print_exc()
        raise
    finally:
        with suppress(OSError):
            sys.stderr.flush()
        os.dup2(original, 2)
        sys.stderr.flush()  # what the file could not store
        os.close(original)
        with suppress(OSError):  # over NFS, a full disk may be reported only now
            log.close()
        with suppress(OSError):
            _copy_to_stderr(path)
            if codes == [0]:
                path.unlink()
            else:
                _escape_file(path)


def _copy_to_stderr(path: Path) -> None:
    with os.fdopen(os.dup(2), "wb") as shown:
        for line in _printable_lines(path):
            shown.write(line)


def _escape_file(path: Path) -> None:
    """Escape terminal controls in a log. On a full disk the log stays unchanged."""
    part = path.with_name(f".{path.name}")
    try:
        with part.open("wb") as escaped:
            escaped.writelines(_printable_lines(path))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _printable_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, escaped; long ones in parts."""
    with path.open("rb") as log:
        while line := log.readline(LINE_BYTES):
            yield printable(line.decode("utf-8", errors="backslashreplace")).encode()

"""The log of an attempt that runs where nobody looks: kept beside its other files when it fails."""

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
    """Write standard error to `path` as well, and remove that file when the attempt ends well.

    Yields a list to which the exit code is appended. What acts on a terminal is escaped in the end: a processor, or a
    library, may print anything. A process that is killed leaves what it had written. Where the file cannot be made,
    standard error stays as it is; what cannot be written to it (a full disk) goes there.
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
        sys.stderr.flush()  # what the file did not take
        os.close(original)
        with suppress(OSError):  # over NFS a full disk may be noticed only now
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
    """Escape what a log holds, for whoever looks at it later. A disk that is too full for that leaves it as it is."""
    part = path.with_name(f".{path.name}")
    try:
        with part.open("wb") as escaped:
            escaped.writelines(_printable_lines(path))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _printable_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file as they can be shown; long ones in parts."""
    with path.open("rb") as log:
        while line := log.readline(LINE_BYTES):
            yield printable(line.decode("utf-8", errors="backslashreplace")).encode()

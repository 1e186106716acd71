"""The log of an attempt that runs where nobody looks: kept beside its other files when it fails."""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def attempt_log(path: Path) -> Iterator[list[int]]:
    """Write standard error to `path` as well, and remove that file when the attempt ends well.

    Yields a list to which the exit code is appended. A process that is killed leaves what it had written. Where the
    file cannot be made, standard error stays as it is; what cannot be written to it (a full disk) goes there.
    """
    codes: list[int] = []
    sys.stderr.flush()
    usual = os.dup(2)
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
        os.dup2(usual, 2)
        sys.stderr.flush()  # what the file did not take
        os.close(usual)
        with suppress(OSError):  # over NFS a full disk may be told only now
            log.close()
        with suppress(OSError):
            with path.open("rb") as written, os.fdopen(os.dup(2), "wb") as shown:
                shutil.copyfileobj(written, shown)
            if codes == [0]:
                path.unlink()

"""Runs a script in a forked process, in which the modules that it needs are already imported; ends it quickly."""

from __future__ import annotations

import contextlib
import os
import runpy
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

#: Beside the package, in a clone as well as installed.
SCRIPTS = Path(__file__).resolve().parents[2]
INTERRUPTED = 130


def run_script(command: Sequence[str], answer: Path, errors: Path | None) -> NoReturn:
    """Turn this process into that of a script, or of the function `main` of a module with `-m`.

    command: as for Python. answer, errors: existing files for what it prints; None keeps standard error.
    """
    for stream, path in ((1, answer), (2, errors)):
        if path is not None:
            file = os.open(path, os.O_WRONLY | os.O_TRUNC)
            os.dup2(file, stream)
            os.close(file)
    try:
        if command[0] == "-m":
            sys.argv = [*command[1:]]
            # Not runpy, which warns on standard error of modules that are imported already.
            exit_immediately(import_module(command[1]).main())
        sys.argv = [*command]
        runpy.run_path(command[0], run_name="__main__")
        exit_immediately(0)
    except KeyboardInterrupt:  # before the script handles it
        exit_immediately(INTERRUPTED)


def exit_immediately(code: int) -> NoReturn:
    """End the process immediately: unloading the imported modules takes as long as a small chunk."""
    with contextlib.suppress(OSError):  # the reader of a pipe may be gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)

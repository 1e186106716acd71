"""Runs a script in a forked process, in which the modules that it needs are already imported; ends it quickly."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

#: Beside the package, in a clone as well as installed.
SCRIPTS = Path(__file__).resolve().parents[2]
INTERRUPTED = 130


def run_script(command: Sequence[str], answer: Path, errors: Path | None) -> NoReturn:
    """Turn this process into that of a script, or of a module with `-m`: call its function `main`.

    A script is imported like a module, so its code is compiled once, and the process that forks this one can import it.

    command: as for Python. answer, errors: existing files for what it prints; None keeps standard error.
    """
    for stream, path in ((1, answer), (2, errors)):
        if path is not None:
            file = os.open(path, os.O_WRONLY | os.O_TRUNC)
            os.dup2(file, stream)
            os.close(file)
    try:
        sys.argv = [*command[1:]] if command[0] == "-m" else [*command]
        module = sys.argv[0] if command[0] == "-m" else Path(sys.argv[0]).stem
        exit_immediately(import_module(module).main())
    except KeyboardInterrupt:  # before the script handles it
        exit_immediately(INTERRUPTED)


def exit_immediately(code: int) -> NoReturn:
    """End the process immediately: unloading the imported modules takes as long as a small chunk."""
    with contextlib.suppress(OSError):  # the reader of a pipe may be gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)

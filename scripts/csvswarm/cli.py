"""Arguments and error reporting of the three scripts."""

from __future__ import annotations

import argparse
import contextlib
import errno
import gc
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# First, so that garbage collection is off while modules are imported.
from csvswarm.runtime import startup

# isort: split
from csvswarm import __version__
from csvswarm.errors import CsvswarmError, OptionError, printable
from csvswarm.job.directory import JobDirectory
from csvswarm.job.manifest import Manifest
from csvswarm.job.round import plan_round
from csvswarm.runtime.script_process import exit_immediately

__all__ = [
    "add_plan_argument",
    "exit_immediately",
    "job_from",
    "json_value",
    "parser",
    "plan_next_round",
    "report_error",
    "run",
    "startup",
]

REPORTED = 1
#: Set by `csvswarm run` and `csvswarm.run`: the file for the error. They report it themselves, and Ctrl-C as well.
ERROR_FILE = "CSVSWARM_ERROR_FILE"


def parser(description: str, epilog: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments of every script."""
    result = argparse.ArgumentParser(
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument("--version", action="version", version=f"csvswarm {__version__}")
    result.add_argument("--job", type=Path, required=True, metavar="DIR", help="job directory; its name is the job id")
    result.add_argument("--json", action="store_true", help="print a summary as one JSON object on standard output")
    return result


def job_from(arguments: argparse.Namespace) -> JobDirectory:
    """Return the job that the arguments name."""
    return JobDirectory(arguments.job.expanduser().absolute())


def add_plan_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument of scripts that plan the next round of a cluster."""
    parser.add_argument(
        "--plan", action="store_true", help="plan the chunks that must run next as a round (see --round)"
    )


def plan_next_round(job: JobDirectory, manifest: Manifest) -> dict[str, Any]:
    """Plan a round and return it as part of a script's summary; "round" is None if no chunk must run."""
    planned = plan_round(job, manifest)
    return {"round": planned.to_json() if planned else None}


def json_value(name: str, text: str | None, kind: type) -> Any:
    """Return the JSON value of an argument, an empty one if it is not given. Raises OptionError."""
    if not text:
        return kind()
    try:
        value = json.loads(text)
    except ValueError as error:
        raise OptionError(f"{name} is not valid JSON ({error}): {text}") from error
    if not isinstance(value, kind):
        what = 'an object like {"window": 100}' if kind is dict else 'a list like ["-", "n/a"]'
        raise OptionError(f"{name} is {text}, but must be {what}.")
    if isinstance(value, list) and (other := [item for item in value if not isinstance(item, str)]):
        raise OptionError(f'{name} contains {other[0]!r}, but must be a list of strings like ["-", "n/a"].')
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise OptionError(f"{name} contains half of a surrogate pair, which UTF-8 cannot encode: {text}") from error
    return value


def run(main: Callable[[], tuple[dict[str, Any], str]], *, as_json: bool) -> int:
    """Run a script's main function and return the exit code: 0, or 1 after one error message on standard error.

    main returns the summary as (JSON object, sentence). It is the only output on standard output: what a processor
    prints goes to standard error.
    """
    gc.freeze()  # forked workers share the imported modules until the collector writes to them
    gc.enable()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            done, message = main()
    except CsvswarmError as error:
        return report_error(str(error), type(error).__name__)
    except OSError as error:
        return report_error(_remedy(error))
    except MemoryError:
        return report_error(
            "out of memory: give this step more and rerun with the same job_id; finished work is kept. A combine "
            "or finish that needs the whole result in memory must return less, or declare keys."
        )
    except KeyboardInterrupt:
        if ERROR_FILE not in os.environ:
            print("Interrupted. Rerun with the same job_id to resume.", file=sys.stderr)
        return 130
    if as_json:
        print(json.dumps(done))
    else:
        print(printable(message))
    return 0


def _remedy(error: OSError) -> str:
    """Return the message of a system error: the file, the reason, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"no space left on the disk of {error.filename or 'the job or output directory'}: "
            "free some and rerun with the same job_id; finished work is kept."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error.filename}: {error.strerror}. Check its permissions, or name another directory."
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}. Fix it and rerun with the same job_id; finished work is kept."


def report_error(message: str, kind: str = "CsvswarmError") -> int:
    """Print an error, or write it to a file for the calling process. Return the exit code. kind: name of its class."""
    if path := os.environ.get(ERROR_FILE):
        with contextlib.suppress(OSError):
            Path(path).write_text(json.dumps({"kind": kind, "message": printable(message)}))
            return REPORTED
    with contextlib.suppress(OSError):  # standard error may be a file on a full disk
        print(printable(message), file=sys.stderr)
    return REPORTED

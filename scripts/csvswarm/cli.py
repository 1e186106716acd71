"""What the three scripts share: arguments with the same names, and errors told the same way."""

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
from typing import Any, NoReturn

# First of all: it stops the garbage collector before there is anything to collect.
from csvswarm.runtime import startup

# isort: split
from csvswarm.errors import CsvswarmError, OptionError, printable
from csvswarm.job.directory import Job
from csvswarm.job.manifest import Manifest
from csvswarm.job.round import plan_round

__all__ = [
    "add_plan_argument",
    "exit_immediately",
    "job_from",
    "json_value",
    "parser",
    "plan_next_round",
    "run",
    "startup",
]

REPORTED = 1


def parser(description: str, epilog: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments every script has."""
    result = argparse.ArgumentParser(
        description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--job", type=Path, required=True, metavar="DIR", help="job directory; its name is the job id")
    result.add_argument("--json", action="store_true", help="print what was done as one JSON object on standard output")
    return result


def job_from(arguments: argparse.Namespace) -> Job:
    """Return the job the arguments name."""
    return Job(arguments.job.expanduser().absolute())


def add_plan_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument of scripts that say what a cluster has to run next."""
    parser.add_argument(
        "--plan", action="store_true", help="write down which chunks have to run next, as a round (see --round)"
    )


def plan_next_round(job: Job, manifest: Manifest) -> dict[str, Any]:
    """Plan a round, and return it as a part of a script's answer; its "round" is None when nothing has to run."""
    planned = plan_round(job, manifest)
    return {"round": planned.to_json() if planned else None}


def json_value(name: str, text: str | None, kind: type) -> Any:
    """Return the JSON value of an argument, an empty one when it is not given. Raises OptionError."""
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
        raise OptionError(f'{name} holds {other[0]!r}, but must be a list of texts like ["-", "n/a"].')
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise OptionError(f"{name} holds half of a surrogate pair, which no UTF-8 file does: {text}") from error
    return value


def run(main: Callable[[], tuple[dict[str, Any], str]], *, as_json: bool) -> int:
    """Run a script's work. Return its exit code: 0, or 1 after the one message that says what is wrong.

    main returns (what was done, the same as a sentence). What a processor prints goes to standard error: the answer
    stands alone on standard output.
    """
    gc.freeze()  # workers share what is imported as long as nothing looks at it
    gc.enable()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            done, message = main()
    except CsvswarmError as error:
        return _fail(str(error))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _fail(
                f"no space left on the disk of {error.filename or 'the job or output directory'}: "
                "free some and run again with the same job_id; what is done is kept."
            )
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return _fail(f"{error.filename}: {error.strerror}. Check its permissions, or name another directory.")
        file = f"{error.filename}: " if error.filename else ""
        return _fail(
            f"{file}{error.strerror or error}. Run again with the same job_id when that is fixed; what is done is kept."
        )
    except KeyboardInterrupt:
        print("stopped; run again with the same job_id to go on.", file=sys.stderr)
        return 130
    if as_json:
        print(json.dumps(done))
    else:
        print(printable(message))
    return 0


def exit_immediately(code: int) -> NoReturn:
    """End the process at once: taking apart what was imported takes as long as a small chunk."""
    with contextlib.suppress(OSError):  # nobody may be listening any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _fail(message: str) -> int:
    with contextlib.suppress(OSError):  # standard error may be a file on a full disk
        print(printable(message), file=sys.stderr)
    return REPORTED

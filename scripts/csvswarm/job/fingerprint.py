"""The versions of code and libraries that process a job: a result must not mix partials of two versions."""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import re
import sys
from functools import cache
from pathlib import Path

from csvswarm import __version__
from csvswarm.errors import JobError

#: All of csvswarm, not only this package.
SOURCES = Path(__file__).resolve().parents[1]
LIBRARIES = ("numpy", "pandas", "pyarrow")
_INSTALLED = re.compile(rf"({'|'.join(LIBRARIES)})-([0-9][^-]*?)(-py[0-9.]+)?\.(dist-info|egg-info)")


@cache
def versions() -> dict[str, str]:
    """Return the versions that determine the bytes of a result: of csvswarm, Python and the libraries.

    csvswarm's version carries the hash of its sources as build metadata: two commits may have the same number.

    The native kernel is not among them: the bytes are the same with and without it.
    """
    python = ".".join(map(str, sys.version_info[:3]))
    return {"csvswarm": f"{__version__}+{_code()}", "Python": python, **_libraries()}


def _code() -> str:
    digest = hashlib.sha256()
    for directory, below, names in os.walk(SOURCES):
        below[:] = sorted(set(below) - {"__pycache__", "built", "local", "report"})  # neither of these changes a result
        for name in sorted(names):
            if name.endswith((".py", ".c", ".h")):
                with io.FileIO(f"{directory}/{name}") as file:  # Path takes twice as long
                    digest.update(f"\0{directory[len(str(SOURCES)) :]}/{name}\0".encode() + file.read())
    return digest.hexdigest()[:16]


def _libraries() -> dict[str, str]:
    """Return versions from the names of installed packages: importing them takes a hundred times as long."""
    found: dict[str, str] = {}
    for directory in sys.path:
        try:
            names = [path.name for path in Path(directory or ".").iterdir()]
        except OSError:
            continue
        for name in names:
            if (match := _INSTALLED.fullmatch(name)) and match[1] not in found:
                found[match[1]] = match[2]
    for library in LIBRARIES:
        if library not in found:
            found[library] = str(importlib.import_module(library).__version__)
    return {library: found[library] for library in LIBRARIES}


def check_versions(job_id: str, recorded: dict[str, str]) -> None:
    """Raise JobError if a job was started with other versions than the current ones."""
    now = versions()
    if recorded == now:
        return
    changed = [
        f"{name} {recorded.get(name, '(none)')} (now {now.get(name, 'none')})"
        for name in [*now, *(recorded.keys() - now.keys())]
        if recorded.get(name) != now.get(name)
    ]
    raise JobError(
        f"job {job_id} was started with {', '.join(changed)}: partial results of different versions must not be mixed. "
        "Finish it with the versions it was started with, or leave out job_id to start a new job."
    )

"""An input of many files: finds the files that the user names by lists, folders and patterns.

They are one input in the order of their names. `combined_files` gives them one dialect and one set of columns.
Needs only the standard library: Ansible uses this file, too, also on boards, where csvswarm is not installed.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

#: The column with the name of a record's file.
SOURCE_FILE = "source_file"
#: Files that tools leave in folders of data (_SUCCESS, .gitkeep) are not data.
_IGNORED = (".", "_")


class FilesError(Exception):
    """The files do not exist. The message is for the user."""


def is_pattern(path: Path) -> bool:
    """Return whether a path is a pattern, and not a file or folder whose name has such characters."""
    return glob.has_magic(str(path)) and not os.path.lexists(path)


def names_many(given: Sequence[Path]) -> bool:
    """Return whether an input is named as many files, whatever their current number."""
    return len(given) != 1 or is_pattern(given[0]) or given[0].is_dir()


def find_files(given: Sequence[Path]) -> list[Path]:
    """Return the files of an input, each once, in the order of their names. Raises FilesError for a name without files.

    given: absolute paths of files, of folders (the files in them, but not in folders within) and patterns with *, ?,
    [...] and ** (any folders).
    """
    if not given:
        raise FilesError("input is an empty list: name at least one file.")
    return sorted({path for one in given for path in _files_of(one)}) if names_many(given) else list(given)


def _files_of(path: Path) -> list[Path]:
    if is_pattern(path):
        found = map(Path, glob.glob(str(path), recursive=True))  # noqa: PTH207 - that of Path finds hidden files
        files = [one for one in found if one.is_file()]
        if not files:
            raise FilesError(f"{path} matches no file: check the pattern given as input.")
        return files
    if not path.is_dir():
        return [path]
    try:
        files = [one for one in path.iterdir() if one.is_file() and not one.name.startswith(_IGNORED)]
    except OSError as error:
        raise FilesError(f"{path} cannot be read: {error.strerror}.") from error
    if not files:
        raise FilesError(
            f"{path} is a folder without files (names that begin with a dot or an underscore do not count). For "
            f"files in folders within it, pass a pattern like {path}/**/*.csv"
        )
    return files


def short_names(files: Sequence[Path]) -> list[str]:
    """Return short names of files: without folders, or relative to the last common folder if names repeat."""
    names = [path.name for path in files]
    if len(set(names)) == len(names):
        return names
    common = os.path.commonpath([path.parent for path in files])
    return [os.path.relpath(path, common) for path in files]


def label(given: Sequence[Path]) -> str:
    """Return how messages and reports name an input as a whole."""
    return str(given[0]) if len(given) == 1 else f"{given[0]} and {len(given) - 1} more"

"""Checks that a user's values can be passed unchanged; makes the messages of jobs safe to print."""

from __future__ import annotations

import os
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Modules use it on boards. Plugins must load it by its path.
_text: Any = ModuleType("processing_job_text")
SourceFileLoader(_text.__name__, str(Path(__file__).parents[1] / "module_utils/processing_job_text.py")).exec_module(
    _text
)

#: Values that may contain a line break: JSON has an escape for it, and a file name or a delimiter may be one.
LINES = ("input", "processor", "output", "delimiter", "quotechar", "options", "column_types", "null_values")


def processing_job_printable(text: str) -> str:
    r"""Return a text with its control characters as escapes like \x1b. Newline and tab stay."""
    shown: str = _text.printable(text)
    return shown


def processing_job_read(path: str) -> str:
    """Return the content of a file. Ansible's own lookups replace $NAME in its path."""
    return Path(path).read_bytes().decode("utf-8")


def processing_job_unfit(given: dict[str, Any], sent: dict[str, str]) -> list[str]:
    """Return a message for each value that cannot be passed to the scripts unchanged.

    given: value by the user's name for it. sent: path by that name, of the files that Ansible sends to boards.
    """
    found = [f"{name}: {why}" for name, value in given.items() if (why := _unfit(name, value))]
    return found + [
        f"{name}: {_text.printable_line(path)} has a dollar sign in it. Ansible takes it for the beginning of a "
        "variable when it sends the file to boards. Rename the file or the folder, or add -e engine=local."
        for name, path in sent.items()
        if not found and "$" in os.path.realpath(path)
    ]


def _unfit(name: str, value: object) -> str:
    texts = _texts(value)
    if any("\ud800" <= letter <= "\udfff" for text in texts for letter in text):
        return f"{_shown(value)} is not UTF-8. Rename the file or the folder, or write the value in UTF-8."
    if isinstance(value, str) and "\0" in value:
        return f"{_shown(value)} has a NUL character in it, which no file name and no argument can have. Leave it out."
    if name not in LINES and isinstance(value, str) and not value.isprintable():
        return f"{_shown(value)} has a line break or another control character in it. Leave it out."
    return ""


def _texts(value: object) -> list[str]:
    found, todo = [], [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            found.append(str(one))
        elif isinstance(one, dict):
            todo += [*one, *one.values()]
        elif isinstance(one, list | tuple):
            todo += one
    return found


def _shown(value: object) -> str:
    shown: str = _text.printable_line(value if isinstance(value, str) else str(value))
    return f"'{shown}'"


class FilterModule:
    """The filters, for Ansible."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {
            "processing_job_printable": processing_job_printable,
            "processing_job_read": processing_job_read,
            "processing_job_unfit": processing_job_unfit,
        }

"""Errors whose message is meant for the person who runs the job: what, where, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

#: Characters of a value, and of a whole message, that are shown.
SHOWN, SHOWN_IN_ALL = 120, 8000
#: What a terminal acts on: controls but newline and tab, and bidirectional ones; and halves of surrogate pairs.
_UNPRINTABLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str) -> str:
    """Return text of the data as a message shows it: its start, when it is long."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def printable(text: str) -> str:
    r"""Return a message with what acts on a terminal escaped (ESC as \x1b), and without its middle where it is long."""
    if len(text) > SHOWN_IN_ALL:
        half = SHOWN_IN_ALL // 2
        text = f"{text[:half]}… ({len(text) - SHOWN_IN_ALL} characters left out) …{text[-half:]}"
    return _UNPRINTABLE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


class CsvswarmError(Exception):
    """Base of every error that is shown to the user as its message alone, without a traceback."""


class InputError(CsvswarmError):
    """The input file cannot be read as the CSV it should be."""


class OptionError(CsvswarmError):
    """An option of the job or of its processor is wrong.

    Raise it in a processor with one message for the user: what is wrong, where, and what to pass instead. The job
    stops with this message, without a traceback and without a retry.
    """


class JobError(CsvswarmError):
    """A job directory is in a state that does not allow what was asked."""


class ProcessorError(CsvswarmError):
    """The processor's own code failed, or returned something that is not a result.

    final: whether it would fail whatever the types of the columns turn out to be.
    """

    def __init__(self, message: str, *, final: bool = True) -> None:
        super().__init__(message)
        self.final = final


class BadRecord(CsvswarmError):
    """A record that cannot be processed; the first one found in its chunk."""


class Misfit(Exception):
    """Internal: data does not fit the schema, which has to be widened. Never shown to the user."""

    def __init__(self, observed: dict[str, str], missing: set[str]) -> None:
        super().__init__(f"columns do not fit the schema: {sorted(observed)}, {sorted(missing)}")
        self.observed = observed
        self.missing = missing


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the name of a file into an OSError that has none: reads, writes and syncs only know a descriptor."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def listed(names: Sequence[str], most: int = 30) -> str:
    """Return names as a message lists them, never more than a screen can show."""
    first = ", ".join(map(shown, names[:most]))
    return f"{first} and {len(names) - most} more" if len(names) > most else first

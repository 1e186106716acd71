"""Errors whose message is for the user who runs the job: what, where, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from csvswarm.printable import printable as escaped

#: Maximum number of characters of a value, and of a whole message, in output.
MAX_VALUE_CHARS, MAX_MESSAGE_CHARS = 120, 8000


def shown(text: str) -> str:
    """Return a value as shown in messages, truncated if it is long."""
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]}…"


def printable(text: str) -> str:
    r"""Return a message with terminal controls escaped (ESC as \x1b), and without its middle if it is long."""
    if len(text) > MAX_MESSAGE_CHARS:
        half = MAX_MESSAGE_CHARS // 2
        text = f"{text[:half]}… ({len(text) - MAX_MESSAGE_CHARS} characters omitted) …{text[-half:]}"
    return escaped(text)


class CsvswarmError(Exception):
    """Base of all errors that are shown to the user as a message without a traceback."""


class InputError(CsvswarmError):
    """The input file cannot be read as CSV."""


class OptionError(CsvswarmError):
    """An option of the job or of its processor is invalid.

    Raise it in a processor with one message for the user: what is wrong, where, and what to pass instead. The job
    stops with this message, without a traceback and without a retry.
    """


class JobError(CsvswarmError):
    """The state of the job directory does not allow the request."""


class ProcessorError(CsvswarmError):
    """The processor failed, or returned something that is not a result.

    final: whether it would fail with other column types as well.
    """

    def __init__(self, message: str, *, final: bool = True) -> None:
        super().__init__(message)
        self.final = final


class BadRecord(CsvswarmError):
    """A record cannot be processed; the first such record of its chunk."""


class SchemaMismatch(Exception):
    """Internal: data does not fit the schema, which must be widened. Never shown to the user."""

    def __init__(self, observed: dict[str, str], missing: set[str]) -> None:
        super().__init__(f"columns do not fit the schema: {sorted(observed)}, {sorted(missing)}")
        self.observed = observed
        self.missing = missing


@contextmanager
def filename_in_errors(path: Path) -> Iterator[None]:
    """Add the file name to an OSError without one: reads, writes and syncs only have a descriptor."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def format_names(names: Sequence[str], max_names: int = 30) -> str:
    """Return names as listed in messages: at most `max_names`, and the number of the others."""
    first = ", ".join(map(shown, names[:max_names]))
    return f"{first} and {len(names) - max_names} more" if len(names) > max_names else first

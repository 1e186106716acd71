"""The dialect of a CSV file (delimiter, quote, line ending), and its detection."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from typing import Any

from csvswarm.errors import InputError, OptionError

CANDIDATES = ",\t;|"
SNIFFED_RECORDS = 50
BOM = b"\xef\xbb\xbf"
#: Maximum length of a column name: the csv module's own limit.
MAX_NAME_CHARS = 131_072


@dataclass(frozen=True)
class Dialect:
    """The dialect of one CSV file.

    delimiter: one ASCII character. quotechar: one ASCII character, or "" if nothing is quoted.
    lineterminator: the end of the header record, and so of every record csvswarm writes in this dialect.
    """

    delimiter: str = ","
    quotechar: str = '"'
    lineterminator: str = "\n"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Dialect:
        return cls(**data)

    def reader_options(self) -> dict[str, Any]:
        """Return keyword arguments with which `csv.reader` reads this dialect."""
        if not self.quotechar:
            return {"delimiter": self.delimiter, "quoting": csv.QUOTE_NONE}
        return {"delimiter": self.delimiter, "quotechar": self.quotechar}


#: The dialect of derived tables: statistics, groups, DataFrames of processors.
CANONICAL = Dialect()


def check_character(name: str, value: str, *, may_be_empty: bool = False) -> str:
    """Return the one-character `value` of the option `name`; backslash-t and "tab" mean a tabulator.

    Raises OptionError when it is not one printable ASCII character.
    """
    value = {"\\t": "\t", "tab": "\t"}.get(value, value)
    if not value and may_be_empty:
        return value
    if len(value) != 1 or not value.isascii() or value in "\r\n\0" or value.isalnum():
        raise OptionError(
            f"{name} is {value!r}, but must be one ASCII character that is no letter or digit, like ',', ';' or '\\t'."
        )
    return value


def sniff(sample: bytes, *, delimiter: str | None, quotechar: str | None, tabs_first: bool) -> Dialect:
    """Return the dialect of a file that starts with `sample` (UTF-8, without byte order mark).

    Values given by the user are kept. The delimiter is the candidate that gives most records of the sample the same
    number of fields, and of these the one with most fields; a comma if none does.
    """
    quote = '"' if quotechar is None else check_character("quotechar", quotechar, may_be_empty=True)
    text = sample.decode("utf-8", errors="replace")
    if delimiter is None:
        order = "\t,;|" if tabs_first else CANDIDATES
        scored = [(_score(text, candidate, quote), candidate) for candidate in order]
        best = max(score for score, _ in scored)
        delimiter = next(candidate for score, candidate in scored if score == best) if best > (0.0, 0) else order[0]
    else:
        delimiter = check_character("delimiter", delimiter)
    if delimiter == quote:
        raise OptionError(f"delimiter and quotechar are both {delimiter!r}; they must differ.")
    return Dialect(delimiter, quote, "\n")


def _score(text: str, delimiter: str, quotechar: str) -> tuple[float, int]:
    """Return (share of records with as many fields as the header, number of fields)."""
    options = Dialect(delimiter, quotechar).reader_options()
    widths = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), **options):
            if record:
                widths.append(len(record))
            if len(widths) > SNIFFED_RECORDS:
                break
    except csv.Error:
        return (0.0, 0)
    if len(widths) > 1 and len(widths) <= SNIFFED_RECORDS:
        widths.pop()  # the sample may end inside its last record
    if not widths or widths[0] < 2:
        return (0.0, 0)
    return (sum(width == widths[0] for width in widths) / len(widths), widths[0])


def header_names(record: bytes, dialect: Dialect) -> list[str]:
    """Return the column names of a header record, unique as pandas makes them: a, a.1, Unnamed: 2."""
    try:
        text = record.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"the header is not UTF-8 (byte {record[error.start]:#04x} at position {error.start}): "
            "say what it is written in, for example -e encoding=latin-1."
        ) from error
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), **dialect.reader_options()))
    except csv.Error:
        rows = []
    # A library imported by a processor may raise the csv module's limit, as scipy.io does.
    if not rows or any(len(name) > MAX_NAME_CHARS for name in rows[0]):
        raise InputError(f"the header holds a name of more than {MAX_NAME_CHARS:,} characters: is it a CSV?")
    names = [name or f"Unnamed: {index}" for index, name in enumerate(rows[0])]
    taken = set(names)
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        count = seen.get(name, 0)
        result = name
        while count and (result := f"{name}.{count}") in taken:
            count += 1
        seen[name] = count + 1
        if result != name:
            taken.add(result)
        unique.append(result)
    return unique

"""The dialect of a CSV file (delimiter, quote, line ending), and its detection."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from typing import Any

from csvswarm.errors import InputError, OptionError

CANDIDATES = ",\t;|"
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
            f"{name} is {value!r}, but must be one ASCII character that is not a letter or digit, "
            "like ',', ';' or '\\t'."
        )
    return value


def records_of(data: bytes, dialect: Dialect, *, complete: bool, most: int = 1000) -> list[list[str]]:
    """Return the first records of some data as Python's csv module reads them, blank lines left out.

    complete: whether the data ends with a record; else the last one is left out. At most `most` records.
    """
    text = io.StringIO(data.decode("utf-8", errors="replace"), newline="")
    rows: list[list[str]] = []
    try:
        for row in csv.reader(text, **dialect.reader_options()):
            if row:
                rows.append(row)
            if len(rows) > most:
                return rows[:most]
    except csv.Error:
        return rows  # a field is too long: the records before it are complete
    return rows if complete else rows[:-1]


def header_names(record: bytes, dialect: Dialect) -> list[str]:
    """Return the column names of a header record, unique as pandas makes them: a, a.1, Unnamed: 2."""
    try:
        text = record.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"the header is not UTF-8 (byte {record[error.start]:#04x} at position {error.start}): "
            "pass its encoding, for example -e encoding=latin-1."
        ) from error
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), **dialect.reader_options()))
    except csv.Error:
        rows = []
    # A library imported by a processor may raise the csv module's limit, as scipy.io does.
    if not rows or any(len(name) > MAX_NAME_CHARS for name in rows[0]):
        raise InputError(f"the header contains a name of more than {MAX_NAME_CHARS:,} characters: is it a CSV?")
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

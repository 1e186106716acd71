"""A reference implementation of docs/format.md in plain Python, one value at a time."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from csvswarm.types.schema import NULL_VALUES

from tests.support.reference_record_scan import record_texts

INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
FLOAT = re.compile(r"-?(?!0[0-9])([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|-?(inf|infinity)", re.IGNORECASE)
LONG_INTEGER = re.compile(r"-?[0-9]+")
BOOLS = {text: text.lower() == "true" for text in ("True", "TRUE", "true", "False", "FALSE", "false")}

#: A field: its text and whether it is quoted.
Field = tuple[str, bool]


def records(data: bytes) -> list[bytes]:
    """Return the records without their terminators and without blank lines."""
    texts = (_without_terminator(text) for text in record_texts(data))
    return [text for text in texts if text]


def _without_terminator(text: bytes) -> bytes:
    for end in (b"\r\n", b"\n", b"\r"):
        if text.endswith(end):
            return text[: -len(end)]
    return text


def fields(record: bytes) -> list[Field]:
    """Return the fields of a record; bytes that are not UTF-8 become surrogates."""
    text = record.decode(errors="surrogateescape")
    found: list[Field] = []
    offset = 0
    while True:
        parts = []
        quoted = text[offset : offset + 1] == '"'
        if quoted:
            offset += 1
            while offset < len(text):
                if text.startswith('""', offset):
                    parts.append('"')
                    offset += 2
                elif text[offset] == '"':
                    offset += 1
                    break
                else:
                    parts.append(text[offset])
                    offset += 1
        end = text.find(",", offset)
        end = len(text) if end < 0 else end
        found.append(("".join(parts) + text[offset:end], quoted))
        if end == len(text):
            return found
        offset = end + 1


def csv_rows(data: bytes) -> list[list[str]]:
    """Return the rows read by Python's csv module."""
    return [row for row in csv.reader(io.StringIO(data.decode(), newline="")) if row]


def is_bad(record: bytes, width: int) -> bool:
    """Whether a record is bad for any types."""
    try:
        record.decode()
    except UnicodeDecodeError:
        return True
    return b"\0" in record or len(fields(record)) != width


def text_of(field: Field) -> str | None:
    """Return a field as a value of a text column; None if it is missing."""
    text, quoted = field
    return None if not quoted and text in NULL_VALUES else text


def type_of(column: Sequence[str | None]) -> str:
    """Return the type of a column of text values."""
    kinds = {_kind(value) for value in column if value is not None}
    if not kinds:
        return "null"
    if kinds == {"quoted"}:
        return "quoted"
    kinds -= {"quoted"}
    if kinds <= {"int", "float"}:
        return "int" if kinds == {"int"} else "float"
    return "bool" if kinds == {"bool"} else "text"


def _kind(value: str) -> str:
    if value in NULL_VALUES:
        return "quoted"
    value = value.strip(" \t")
    if value in BOOLS:
        return "bool"
    if INTEGER.fullmatch(value) and -(2**63) <= int(value) < 2**63:
        return "int"
    if LONG_INTEGER.fullmatch(value):
        return "text"
    return "float" if FLOAT.fullmatch(value) else "text"


def value_of(text: str | None, kind: str) -> object:
    """Return a text converted to a value of a type that it fits."""
    if text is None or kind == "null":
        return None
    if kind in ("text", "quoted"):
        return text
    text = text.strip(" \t")
    if text in NULL_VALUES:
        return None
    if kind == "bool":
        return BOOLS[text]
    return int(text) if kind == "int" else float(text)

"""The start of a CSV: its dialect, its header, and where its records begin."""

from __future__ import annotations

from dataclasses import dataclass

from csvswarm.csv_format.dialect import BOM, Dialect, header_names, sniff
from csvswarm.csv_format.record_scan import Grammar, starts_of
from csvswarm.errors import InputError
from csvswarm.input.source import Source, check_text

HEAD_BYTES = 256 << 10
MAX_HEADER_BYTES = 64 << 20


@dataclass(frozen=True)
class Head:
    """The start of the CSV: dialect, whether there is a byte order mark, the header, where the records start."""

    dialect: Dialect
    bom: bool
    header: bytes
    names: list[str]
    data_offset: int
    preamble: bytes


def read_head(source: Source, *, delimiter: str | None, quotechar: str | None) -> Head:
    """Return the head of an input; what the user says of its dialect is kept. Raises InputError, OptionError."""
    with source.open() as file:
        head = file.read(HEAD_BYTES)
        while len(head) < HEAD_BYTES and (more := file.read(HEAD_BYTES - len(head))):
            head += more
        check_text(head, source, any_text=delimiter is not None)
        bom = head.startswith(BOM)
        skip = len(BOM) if bom else 0
        tabs_first = ".tsv" in source.path.suffixes or ".tab" in source.path.suffixes
        dialect = sniff(head[skip:], delimiter=delimiter, quotechar=quotechar, tabs_first=tabs_first)
        grammar = Grammar(dialect)
        while True:
            head = grammar.decided(head, file)
            structure = grammar.scan(head[skip:])
            text = head[skip:]
            for start, end in zip(starts_of(structure.ends).tolist(), structure.ends.tolist(), strict=True):
                if record := text[start : end + 1].rstrip(b"\r\n"):
                    terminator = text[start + len(record) : end + 1].decode("ascii")
                    place = skip + end + 1
                    return _head(head, dialect, terminator, bom, record, place)
            more = file.read(len(head))
            if not more:
                break
            head += more
            if len(head) > MAX_HEADER_BYTES:
                raise InputError(
                    f"{source.path}: the header does not end within {MAX_HEADER_BYTES >> 20} MB; is it a CSV?"
                )
    if structure.inside:
        raise InputError(f"{source.path}: the header opens a quote that is never closed.")
    return _head(head, dialect, "\n", bom, text.strip(b"\r\n"), len(head))


def _head(head: bytes, dialect: Dialect, terminator: str, bom: bool, record: bytes, place: int) -> Head:
    dialect = Dialect(dialect.delimiter, dialect.quotechar, terminator)
    return Head(dialect, bom, record, header_names(record, dialect), place, head[:place])


def named(source: Source, error: InputError) -> InputError:
    """Return the error with the name of the file in its message."""
    return error if str(error).startswith(str(source.path)) else InputError(f"{source.path}: {error}")

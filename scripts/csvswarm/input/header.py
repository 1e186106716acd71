"""The start of a CSV: its dialect, its header, and where its records begin."""

from __future__ import annotations

from dataclasses import dataclass

from csvswarm.csv_format.dialect import BOM, Dialect, header_names, sniff
from csvswarm.csv_format.record_scan import Grammar, record_starts
from csvswarm.errors import InputError
from csvswarm.input.source import Source, check_text

HEAD_BYTES = 256 << 10
MAX_HEADER_BYTES = 64 << 20


@dataclass(frozen=True)
class InputHeader:
    """The start of the CSV: dialect, whether there is a byte order mark, the header, where the records start."""

    dialect: Dialect
    bom: bool
    record: bytes
    names: list[str]
    data_offset: int
    preamble: bytes


def read_header(source: Source, *, delimiter: str | None, quotechar: str | None) -> InputHeader:
    """Return the head of an input; what the user says of its dialect is kept. Raises InputError, OptionError."""
    with source.open() as file:
        prefix = file.read(HEAD_BYTES)
        while len(prefix) < HEAD_BYTES and (more := file.read(HEAD_BYTES - len(prefix))):
            prefix += more
        check_text(prefix, source)
        bom = prefix.startswith(BOM)
        skip = len(BOM) if bom else 0
        tabs_first = ".tsv" in source.path.suffixes or ".tab" in source.path.suffixes
        dialect = sniff(prefix[skip:], delimiter=delimiter, quotechar=quotechar, tabs_first=tabs_first)
        grammar = Grammar(dialect)
        while True:
            prefix = grammar.complete_piece(prefix, file)
            structure = grammar.scan(prefix[skip:])
            text = prefix[skip:]
            for start, end in zip(record_starts(structure.ends).tolist(), structure.ends.tolist(), strict=True):
                if record := text[start : end + 1].rstrip(b"\r\n"):
                    terminator = text[start + len(record) : end + 1].decode("ascii")
                    data_offset = skip + end + 1
                    return _input_header(prefix, dialect, terminator, bom, record, data_offset)
            more = file.read(len(prefix))
            if not more:
                break
            prefix += more
            if len(prefix) > MAX_HEADER_BYTES:
                raise InputError(
                    f"{source.path}: the header does not end within {MAX_HEADER_BYTES >> 20} MB; is it a CSV?"
                )
    if structure.ends_inside_quotes:
        raise InputError(f"{source.path}: the header opens a quote that is never closed.")
    return _input_header(prefix, dialect, "\n", bom, text.strip(b"\r\n"), len(prefix))


def _input_header(
    prefix: bytes, dialect: Dialect, terminator: str, bom: bool, record: bytes, data_offset: int
) -> InputHeader:
    dialect = Dialect(dialect.delimiter, dialect.quotechar, terminator)
    return InputHeader(dialect, bom, record, header_names(record, dialect), data_offset, prefix[:data_offset])


def with_source_name(source: Source, error: InputError) -> InputError:
    """Return the error with the name of the file in its message."""
    return error if str(error).startswith(str(source.path)) else InputError(f"{source.path}: {error}")
